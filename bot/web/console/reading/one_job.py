"""Reads a job for somebody who may read it."""

from __future__ import annotations

from bot.dispatch.authorizer import Authorizer
from bot.jobs import Job
from bot.store import JobWithRuns
from bot.store.jobs.ledger import Ledger
from bot.web.console.access import Viewer
from bot.web.console.errors import ConsoleError, NotAllowed, NotFound, Unavailable


async def refusal(authorizer: Authorizer, viewer: Viewer, job: Job, by: str) -> ConsoleError | None:
    """Return why `viewer` may not read `job` as the command `by` shows it; None if they may."""
    hidden = await authorizer.hidden(
        authorizer.job_record(job), by, viewer.person, viewer.place, viewer.groups
    )
    if hidden is None:
        return None
    kind = Unavailable if hidden.verdict == "undecided" else NotAllowed
    return kind(detail=hidden.text)


async def readable_job(
    ledger: Ledger, authorizer: Authorizer, viewer: Viewer, name: str, by: str
) -> JobWithRuns:
    """Return the job whose id begins with `name`, if `viewer` may read it as the command `by` shows
    it. Raises NotFound, NotAllowed, Unavailable and DatabaseUnavailable."""
    found = await ledger.find(name)
    if found is None:
        raise NotFound(
            detail="There is no job with this ID. It may have been removed because of its age, or "
            "the beginning of an ID fits several jobs: use the whole ID."
        )
    refused = await refusal(authorizer, viewer, found[0], by)
    if refused is not None:
        raise refused
    return found
