"""Jobs as a viewer may read them: one with its runs, and those of the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from baton.errors import UsageError
from baton.outcome import Outcome, counted
from bot.jobs import Job, RunRecord, last_attempts
from bot.store.jobs.history import JobFilter, Moment, PastJob
from bot.store.jobs.queries import JobWithRuns
from bot.web.console.access import Viewer
from bot.web.console.errors import NotAllowed, NotFound, Unavailable
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import note_of, reader_of

log = structlog.get_logger(__name__)

MAX_LOOKED_AT = 1_000
"""Jobs that one page of the history is looked for in, at most."""
_BATCH = 50


@dataclass(frozen=True, slots=True)
class SeenHistory:
    """Jobs that somebody may read, newest first. `left_out` counts the others among those that were
    looked at, `note` says so. `next` is where the history goes on, if it does."""

    jobs: tuple[PastJob, ...]
    left_out: int
    note: str
    next: Moment | None


class JobReading:
    """Reads jobs for viewers. What they may read is decided at each call, as for /log and /jobs in
    chat. Every method raises DatabaseUnavailable."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def job(self, viewer: Viewer, id: str, by: str = "log") -> JobWithRuns:
        """Return the job with this id, or whose id begins so, and its runs.

        Raises NotFound, NotAllowed with the words of the policy, and Unavailable if the rights of
        the viewer cannot be known now.
        """
        found = await self._parts.store.ledger.find(id)
        if found is None:
            shown = id[:32]
            raise NotFound(
                detail=f"No job, or more than one, matches “{shown}”. The history lists all jobs."
            )
        authorizer = self._parts.authorizer
        hidden = await authorizer.hidden(
            authorizer.job_record(found[0]), by, viewer.person, viewer.place, viewer.groups
        )
        if hidden is not None:
            error = Unavailable if hidden.verdict == "undecided" else NotAllowed
            raise error(detail=hidden.text)
        return found

    async def history(
        self, viewer: Viewer, wanted: JobFilter, before: Moment | None, limit: int
    ) -> SeenHistory:
        """Return at most `limit` of the jobs that are `wanted`, older than `before`."""
        authorizer = self._parts.authorizer
        reader = reader_of(authorizer, viewer, "jobs", self._parts.clock())
        seen: list[PastJob] = []
        looked_at = 0
        while True:
            batch = max(limit, _BATCH)
            page = await self._parts.store.ledger.history(wanted, before, batch)
            before = page.next
            for past in page.jobs:
                if await reader.may_read(authorizer.job_record(past.job)):
                    seen.append(past)
                    if len(seen) == limit:
                        before = past.moment if past is not page.jobs[-1] else before
                        break
            looked_at += batch
            if len(seen) == limit or before is None or looked_at >= MAX_LOOKED_AT:
                return SeenHistory(tuple(seen), reader.left_out, note_of(reader, "job"), before)

    def outcome(self, job: Job, runs: Sequence[RunRecord]) -> Outcome:
        """Return how `job` reads, in the words of its command."""
        reports = [run.report() for run in last_attempts(runs)]
        extension = self._parts.commands.get(job.command)
        if extension is None:
            return counted(reports)
        try:
            return extension.command.from_arguments(job.arguments).outcome(reports)
        except UsageError:
            return counted(reports)  # its command has other fields now
        except Exception:
            # an extension's own words failed: its jobs are shown without them
            log.exception("a command failed to render its outcome", job=job.id, command=job.command)
            return counted(reports)
