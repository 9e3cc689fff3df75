"""What an agent remembers, on a real disk."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from baton.agent.journal import SqliteJournal
from baton.agent.journal_writer import RETENTION
from baton.agent.verdicts import STOPPED, Verdict, closing_update
from baton.bus.messages import Request, State, Update, encode
from baton.errors import JournalUnavailable
from tests.baton.stage import SERVER, Clock, cancel, request
from tests.support.wait import until

ROOT = Path(__file__).parents[3]


def done(of: Request) -> Update:
    return closing_update(of, SERVER, Verdict(State.SUCCEEDED, "done"), sequence=3)


async def test_a_request_is_new_once(journal: SqliteJournal) -> None:
    """However many ask at once, one is told to start it; the next attempt is another."""
    asked = request()
    known = await asyncio.gather(*(journal.accept(asked) for _ in range(20)))
    assert known.count(None) == 1
    assert all(entry is None or entry.request == asked for entry in known)
    assert await journal.accept(asked.model_copy(update={"attempt": 2})) is None


async def test_the_highest_fence_is_remembered(path: Path) -> None:
    """Of an app and of whole servers together, also by the next life; elsewhere it counts apart."""
    journal = await SqliteJournal.open(path)
    steps = [("shop", 7), ("shop", 5), ("blog", 6), ("", 6), ("", 9), ("blog", 8)]
    seen = [await journal.raise_fence("prod", app, number) for app, number in steps]
    assert seen == [7, 7, 6, 7, 9, 9]
    await journal.close()
    again = await SqliteJournal.open(path)
    assert await again.raise_fence("prod", "shop", 1) == 9
    assert await again.raise_fence("staging", "shop", 1) == 1
    await again.close()


async def test_what_became_of_it_is_known(journal: SqliteJournal) -> None:
    """Under way, then ended; the first end counts."""
    await journal.accept(asked := request())
    entry = await journal.accept(asked)
    assert entry is not None
    assert (entry.final, entry.cancelled) == (None, False)
    await journal.record_end(asked.id, asked.attempt, end := done(asked))
    await journal.record_end(asked.id, asked.attempt, closing_update(asked, SERVER, STOPPED))
    entry = await journal.accept(asked)
    assert entry is not None
    assert entry.final == end


async def test_a_cancel_that_comes_first_leaves_a_tombstone(journal: SqliteJournal) -> None:
    """The request is not new when it comes; nothing is left to report."""
    asked = request()
    assert await journal.record_cancel(cancel(asked)) is None
    entry = await journal.accept(asked)
    assert entry is not None
    assert entry.cancelled
    assert await journal.open_entries() == []


async def test_a_cancel_that_comes_later_is_told_what_is_known(journal: SqliteJournal) -> None:
    """It changes nothing in what is written."""
    await journal.accept(asked := request(), end := done(asked))
    entry = await journal.record_cancel(cancel(asked))
    assert entry is not None
    assert (entry.request, entry.final) == (asked, end)


async def test_what_is_open_is_found_by_the_next_life(path: Path) -> None:
    """Under way, or ended and not reported, in the order in which it was accepted."""
    clock = Clock()
    journal = await SqliteJournal.open(path, clock)
    running, ended, reported = requests = request(), request(), request()
    for asked in requests:
        await journal.accept(asked)
        clock.pass_by(seconds=1)
    for asked in (ended, reported):
        await journal.record_end(asked.id, asked.attempt, done(asked))
    journal.mark_reported(reported.id, reported.attempt)
    await journal.close()
    journal = await SqliteJournal.open(path, clock)
    entries = await journal.open_entries()
    assert [(entry.request, entry.final is None) for entry in entries] == [
        (running, True),
        (ended, False),
    ]
    await journal.close()


async def test_it_forgets_what_is_old_and_reported(path: Path) -> None:
    """A week after it came, and also in an agent that is never restarted."""
    clock = Clock()
    journal = await SqliteJournal.open(path, clock)
    await journal.accept(old := request(), done(old))
    await journal.accept(unreported := request(), done(unreported))
    await journal.record_cancel(cancel(tombstone := request()))
    journal.mark_reported(old.id, old.attempt)
    clock.pass_by(seconds=RETENTION.total_seconds() - 60)
    await journal.accept(request())
    assert await journal.accept(old) is not None
    clock.pass_by(hours=2)
    await journal.accept(request())
    assert await journal.accept(old) is None
    assert await journal.accept(tombstone) is None
    assert await journal.accept(unreported) is not None
    await journal.close()


CRASH = """
import asyncio, os, sys
from pathlib import Path
from baton.agent.journal import SqliteJournal
from baton.bus.messages import decode

async def main():
    journal = await SqliteJournal.open(Path(sys.argv[1]))
    for line in sys.stdin.buffer:
        assert await journal.accept(decode(line)) is None
        print("accepted", flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_what_was_accepted_survives_a_kill(path: Path) -> None:
    """Once accept() has returned it is on disk, whatever happens to the process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CRASH, path), stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked = [request() for _ in range(5)]
    for each in asked:
        process.stdin.write(encode(each) + b"\n")
        assert await process.stdout.readline() == b"accepted\n"
    process.kill()
    await process.communicate()
    journal = await SqliteJournal.open(path)
    assert [entry.request for entry in await journal.open_entries()] == asked
    await journal.close()


async def test_an_entry_that_cannot_be_read_harms_no_other(path: Path) -> None:
    """It is not started again, and the others are reported."""
    journal = await SqliteJournal.open(path)
    for asked in (requests := [request(), request()]):
        await journal.accept(asked)
    await journal.close()
    spoilt, good = requests
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET body = 'no json' WHERE request = ?", (spoilt.id,))
    db.close()
    journal = await SqliteJournal.open(path)
    assert [entry.request for entry in await journal.open_entries()] == [good]
    entry = await journal.accept(spoilt)
    assert entry is not None
    assert not entry.cancelled
    await journal.close()


async def test_a_closed_journal_takes_nothing(path: Path) -> None:
    """It says so, and closing again does nothing."""
    journal = await SqliteJournal.open(path)
    await journal.close()
    await journal.close()
    with pytest.raises(JournalUnavailable, match="it is closed"):
        await journal.accept(request())


async def test_what_is_reported_is_written_soon(
    path: Path, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without another write to go with, a timer sees to it."""
    monkeypatch.setattr("baton.agent.journal_writer.MARK_DELAY", 0.01)
    await journal.accept(asked := request(), done(asked))
    journal.mark_reported(asked.id, asked.attempt)

    async def struck() -> bool:
        return await journal.open_entries() == []

    await until(struck)


async def test_what_is_reported_is_not_forgotten_over_a_failed_commit(
    journal: SqliteJournal,
) -> None:
    """It goes with the next one that succeeds."""
    await journal.accept(asked := request(), done(asked))
    journal.mark_reported(asked.id, asked.attempt)
    with pytest.raises(JournalUnavailable, match="no such table"):
        await journal.write(lambda db: db.execute("SELECT * FROM missing"))
    assert await journal.open_entries() == []


async def test_an_end_that_is_not_kept_is_said(journal: SqliteJournal) -> None:
    """To note the end of what is not in the journal is an error, not a success."""
    with pytest.raises(JournalUnavailable, match="is not in it"):
        await journal.record_end("nobody", 1, done(request()))


async def test_one_that_cannot_be_written_harms_no_other_of_its_commit(
    journal: SqliteJournal,
) -> None:
    """A number that no row can hold is refused alone; the journal goes on."""
    good, huge = request(), request().model_copy(update={"attempt": 2**63})
    found = await asyncio.gather(journal.accept(good), journal.accept(huge), return_exceptions=True)
    assert found[0] is None
    assert isinstance(found[1], JournalUnavailable)
    assert await journal.accept(good) is not None
