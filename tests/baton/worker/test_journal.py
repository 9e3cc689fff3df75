"""Jobs that share a commit of a worker's journal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from baton.bus.channel import Envelope
from baton.errors import JournalUnavailable
from baton.worker.incoming import Incoming, read
from baton.worker.journal import Stage, WorkJournal
from tests.baton.worker.world import build_request


def job(number: int) -> Incoming:
    """A build request of PyBit's with this id."""
    envelope = Envelope(body=build_request("shop", number), content_type="application/json")
    return read(envelope, "builds", "build", "prod")


async def test_what_is_unusual_about_one_job_is_said_of_that_one(tmp_path: Path) -> None:
    """Of those that share a commit one is known, one was cancelled, one cannot be written, and one
    is not in it as it should be: the others are as if they had been alone."""
    journal = await WorkJournal.open(tmp_path / "journal")
    known = job(1)
    assert await journal.take(known) is None
    await journal.start(known)
    await journal.record_cancel_of("2")
    odd = job(3)
    object.__setattr__(odd, "queue", None)  # which the table refuses
    jobs = [job(4), known, job(2), odd, job(5)]
    found = await asyncio.gather(*map(journal.take, jobs), return_exceptions=True)
    new, started, cancelled, refused, last = found
    assert (new, last) == (None, None)
    assert getattr(started, "stage", None) is Stage.STARTED
    assert getattr(cancelled, "stage", None) is Stage.CANCELLED
    assert isinstance(refused, JournalUnavailable)
    await asyncio.gather(journal.start(job(4)), journal.start(job(5)))
    await asyncio.gather(journal.end(known), journal.end(job(4)), journal.end(job(4)))
    assert not await journal.start(job(4))
    (left,) = await journal.open_entries()
    assert (left.id, left.stage) == (job(5).id, Stage.STARTED)
    await journal.close()


async def test_what_was_reported_stays_so_when_a_commit_is_made_anew(tmp_path: Path) -> None:
    """A job that is known has the commit rolled back and made job by job."""
    journal = await WorkJournal.open(tmp_path / "journal")
    one, two = job(1), job(2)
    await journal.take(one)
    await journal.start(one)
    await journal.record_end(one.id, 1, one.request)
    journal.mark_reported(one.id, 1)
    await asyncio.gather(journal.take(two), journal.take(two))
    assert [entry.id for entry in await journal.open_entries()] == [two.id]
    await journal.close()


async def test_a_job_that_is_gone_from_the_file_fails_alone(tmp_path: Path) -> None:
    """As when somebody has moved the file away, as the message of a damaged one says to: it does
    not start, and those that share its commit are written."""
    journal = await WorkJournal.open(tmp_path / "journal")
    one, gone = job(1), job(2)
    await journal.take(one)
    moved, other, started = await asyncio.gather(
        journal.give_up(gone), journal.take(job(3)), journal.start(gone), return_exceptions=True
    )
    assert isinstance(moved, JournalUnavailable)
    assert (other, started) == (None, False)
    assert await journal.start(one)
    assert [entry.id for entry in await journal.open_entries()] == [one.id, job(3).id]
    await journal.close()
