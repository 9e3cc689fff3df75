"""The file of a journal: whose it is, and what is wrong with it."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.agent.journal import SqliteJournal
from baton.errors import JournalUnavailable
from tests.baton.stage import request


@pytest.mark.slow
async def test_it_belongs_to_one_process(path: Path, journal: SqliteJournal) -> None:
    """A second agent by mistake would report what the first does as interrupted: it is told, and
    has the journal once the first is gone."""
    await journal.accept(asked := request())
    second = await SqliteJournal.open(path)
    with pytest.raises(JournalUnavailable, match="is another agent running"):
        await second.open_entries()
    await journal.close()
    assert [entry.request for entry in await second.open_entries()] == [asked]
    await second.close()


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of somebody else's, for a process that is not root."""
    folder = Path(tempfile.mkdtemp(prefix="baton-journal-"))
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    shutil.rmtree(folder)


async def test_a_folder_that_cannot_be_written(nobody: Path) -> None:
    """It opens all the same; each request is told which journal, why, and what to do."""
    journal = await SqliteJournal.open(nobody / "journal.sqlite")
    with pytest.raises(JournalUnavailable) as raised:
        await journal.accept(request())
    assert f"The journal {nobody}/journal.sqlite cannot be used" in str(raised.value)
    assert "Permission denied" in str(raised.value)
    assert not raised.value.permanent
    await journal.close()


async def test_a_full_disk(path: Path) -> None:
    """What cannot be written is not accepted, and is accepted once there is room; nothing that
    was written before is lost."""
    journal = await SqliteJournal.open(path)
    await journal.accept(first := request())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    asked = request("x" * 500_000)
    try:
        with pytest.raises(JournalUnavailable, match="disk"):
            await journal.accept(asked)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert await journal.accept(asked) is None
    await journal.close()
    journal = await SqliteJournal.open(path)
    assert [entry.request for entry in await journal.open_entries()] == [first, asked]
    await journal.close()


def test_one_that_is_no_database(path: Path) -> None:
    """Somebody else's file is left alone, and it is said what to do: to free a disk is no help."""

    async def accept() -> None:
        journal = await SqliteJournal.open(path)
        with pytest.raises(JournalUnavailable, match="not a database") as raised:
            await journal.accept(request())
        assert "Move it and journal.sqlite-wal away" in str(raised.value)
        assert "disk" not in str(raised.value)
        await journal.close()

    path.parent.mkdir()
    path.write_text("shopping list: " + "milk " * 1000)
    asyncio.run(accept())
    assert path.read_text().startswith("shopping list")


async def test_it_is_for_the_agent_alone(path: Path, journal: SqliteJournal) -> None:
    """Requests hold what people have typed: no other user may read the files, old ones neither."""
    await journal.accept(request())
    await journal.close()
    os.chmod(path, 0o644)
    journal = await SqliteJournal.open(path)
    await journal.accept(request())
    files = [path.parent, *path.parent.iterdir()]
    assert {file.name for file in files} == {"state", path.name, f"{path.name}-wal"}
    assert [file for file in files if file.stat().st_mode & 0o077] == []
    await journal.close()


def _altered(path: Path, *statements: str) -> None:
    path.parent.mkdir(exist_ok=True)
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


async def test_a_journal_of_a_newer_baton_is_refused(path: Path) -> None:
    """Its tables may mean something else: nothing is run by it, and it stays as it is."""
    await (await SqliteJournal.open(path)).close()
    _altered(path, "PRAGMA user_version = 7")
    journal = await SqliteJournal.open(path)
    with pytest.raises(JournalUnavailable, match=r"newer Baton: its schema is 7, and this one"):
        await journal.accept(request())
    await journal.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (7,)
    db.close()


IGNORING = """
CREATE TRIGGER deaf BEFORE INSERT ON runs BEGIN SELECT RAISE(IGNORE); END
"""


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE runs ADD COLUMN owner TEXT NOT NULL DEFAULT ''", "UPDATE runs SET owner = 1"],
        [IGNORING],
        [
            "DROP TABLE runs",
            "CREATE TABLE runs (request TEXT, attempt INTEGER, accepted REAL, body BLOB,"
            " final BLOB, reported INTEGER, owner TEXT NOT NULL, PRIMARY KEY (request, attempt))",
        ],
        [
            "CREATE TRIGGER other AFTER INSERT ON runs BEGIN UPDATE runs SET body = 'x'"
            " WHERE request = new.request; END"
        ],
    ],
    ids=["one more column", "a row ignored", "a column not null", "another row"],
)
async def test_what_is_new_is_on_disk(path: Path, statements: list[str]) -> None:
    """Whatever became of its tables: a request is called new once at most, and only if its row is
    there; else it is said to be no journal to go by."""
    await (await SqliteJournal.open(path)).close()
    _altered(path, *statements)
    journal = await SqliteJournal.open(path)
    asked, new, said = request(), 0, ""
    for _ in range(2):
        try:
            new += await journal.accept(asked) is None
        except JournalUnavailable as error:
            said += str(error)
    await journal.close()
    assert (new == 1) or "check the server first" in said
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (new,)
    db.close()


async def test_a_page_that_is_damaged_is_found_at_the_start(path: Path) -> None:
    """Before anything is believed of it; the text says what to do."""
    journal = await SqliteJournal.open(path)
    await asyncio.gather(*(journal.accept(request("x" * 500)) for _ in range(100)))
    await journal.close()
    with open(path, "r+b") as file:  # noqa: ASYNC230
        file.seek(3 * 4096)
        file.write(os.urandom(4096))
    journal = await SqliteJournal.open(path)
    with pytest.raises(JournalUnavailable, match=r"it is damaged.*Move it"):
        await journal.accept(request())
    await journal.close()


async def test_a_journal_that_is_taken_away_is_made_anew(
    path: Path, journal: SqliteJournal
) -> None:
    """What is accepted is in the file at its path, not in one that was removed."""
    await journal.accept(request())
    for file in path.parent.iterdir():
        file.unlink()
    await journal.accept(asked := request())
    await journal.close()
    again = await SqliteJournal.open(path)
    assert [entry.request for entry in await again.open_entries()] == [asked]
    await again.close()
