"""Jobs as people name them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from baton.errors import UsageError
from bot.jobs import Job, RunRecord, short_id
from bot.store.jobs.ledger import Ledger


def _job_id(text: str) -> str:
    name = text.removeprefix("#").lower()
    if not 4 <= len(name) <= 32 or not name.isascii() or not name.isalnum():
        raise ValueError(
            "it must be the ID shown in the job's post, or at least its first 4 characters"
        )
    return name


WHOLE = 16
"""Characters of a whole ID."""

JobId = Annotated[str, AfterValidator(_job_id)]
"""The id of a job, or its first letters if they are enough: four or more."""


async def find_job(ledger: Ledger, prefix: str) -> tuple[Job, tuple[RunRecord, ...]]:
    """Return the only job whose id begins with `prefix`, and its runs. Raises UsageError."""
    found = await ledger.find(prefix)
    if found is None and len(prefix) >= WHOLE:  # nobody types that: the button of an old post
        raise UsageError(
            f"The job {short_id(prefix)} is not kept any more, so nothing can be done about it. "
            "/jobs lists those that are."
        )
    if found is None:
        raise UsageError(f"No job, or more than one, matches “{prefix}”. See /jobs.")
    return found
