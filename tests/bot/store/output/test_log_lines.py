"""The output of a job by its lines: ranges and search, over both databases."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any

import pytest

from baton.bus.messages import State, Update
from bot.jobs import NewJob
from bot.store import Store
from bot.store.database.text_search import holds
from bot.store.output import log_lines, log_slices
from bot.store.output.log_lines import LogLine, LogQuery
from bot.store.output.output_text import output_text
from tests.bot.store.build import asked, deploy, later, update


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a few lines, and blocks of a few pieces."""
    monkeypatch.setattr(log_slices, "SLICE_CHARACTERS", 60)
    monkeypatch.setattr(log_lines, "_NEAR", 5)
    monkeypatch.setattr(log_lines, "_FIRST_BLOCK", 2)
    monkeypatch.setattr(log_lines, "_BLOCK", 3)


async def written(store: Store, **texts: list[str]) -> tuple[NewJob, list[LogLine]]:
    """A job whose servers have reported these texts, and the lines of them all."""
    new = await asked(store, deploy(*texts))
    said: list[Update] = []
    lines: list[LogLine] = []
    for host, pieces in sorted(texts.items()):
        number = 0
        for sequence, text in enumerate(pieces, start=1):
            step = "build" if sequence % 2 else "test"
            said.append(
                update(new, host, sequence, State.RUNNING, text=text, level="log", step=step)
            )
            for line in text.split("\n") if text else ():
                number += 1
                lines.append(LogLine(host, 1, number, later(sequence), "log", step, line))
    await store.ledger.apply_updates(said, later(100))
    return new, lines


async def searched(
    store: Store, new: NewJob, query: LogQuery, limit: int
) -> tuple[list[LogLine], int | None]:
    """All that a search finds, page by page, and what the first page counted."""
    first = page = await store.ledger.search_log(new.job.id, query, limit=limit)
    found = list(page.lines)
    while page.next is not None:
        page = await store.ledger.search_log(new.job.id, query, page.next, limit)
        assert len(page.lines) <= limit
        assert page.count is None
        found += page.lines
    return found, first.count


@pytest.mark.usefixtures("small_slices")
async def test_a_range_is_those_lines(store: Store) -> None:
    """Wherever it begins, whatever pieces they came in, over the end too."""
    pieces = ["a", "b\nc\nd", "", "e\n", "f" * 90, "g\nh"]
    new, lines = await written(store, web=pieces)
    for first in range(1, len(lines) + 3):
        for count in (1, 2, 5, 100):
            found = await store.ledger.log_lines(new.job.id, "web", 1, first, count)
            assert found == lines[first - 1 : first - 1 + count], (first, count)
    assert await store.ledger.log_lines(new.job.id, "db", 1, 1, 5) == []
    (size,) = await store.ledger.output_sizes(new.job.id)
    assert size.lines == len(lines)


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_a_search_finds_every_line_once(store: Store, limit: int) -> None:
    """Over all servers, page by page, in any case of the letters, through colours; and counts
    them."""
    chosen = random.Random(7)
    words = [
        "Error",
        "error",
        "ERROR",
        "fine",
        "e\x1b[31mrror",
        "Größe",
        "GRÖSSE",
        "größe",
        "",
        "x",
    ]
    hosts = {
        f"web{host}": ["\n".join(chosen.choices(words, k=chosen.randint(1, 4))) for _ in range(30)]
        for host in range(4)
    }
    hosts["quiet"] = []
    new, lines = await written(store, **hosts)
    for text, matching in (
        ("error", ("Error", "error", "ERROR", "e\x1b[31mrror")),
        ("rrO", ("Error", "error", "ERROR", "e\x1b[31mrror")),
        ("ÖSSE", ("GRÖSSE",)),
        ("gröSS", ("GRÖSSE",)),
        ("ß", ("Größe", "größe")),
        ("31", ()),
        ("%", ()),
        ("_", ()),
    ):
        found, count = await searched(store, new, LogQuery(text), limit)
        assert found == [line for line in lines if line.text in matching], text
        assert count == len(found)


async def test_a_search_looks_at_no_more_lines_than_it_shows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a log in which every line matches, the others are only counted."""
    pieces = ["\n".join(["\x1b[1mhit\x1b[0m"] * 80)] * 100
    new, lines = await written(store, web=pieces)
    looked: list[str] = []

    def seen(text: str, words: str) -> bool:
        looked.append(text)
        return holds(text, words)

    monkeypatch.setattr(log_lines, "holds", seen)
    found = await store.ledger.search_log(new.job.id, LogQuery("hit"), limit=10)
    assert (list(found.lines), found.count) == (lines[:10], 8_000)
    assert len(looked) == 11


@pytest.mark.usefixtures("small_slices")
async def test_a_search_of_one_server_or_step(store: Store) -> None:
    """Finds, and counts, nothing of the others."""
    new, lines = await written(store, web=["a1\na2", "a3", "b", "a4"] * 5, db=["a", "a"])
    for query in (LogQuery("a", "web"), LogQuery("a", "web", "test"), LogQuery("a", None, "build")):
        found, count = await searched(store, new, query, 2)
        assert found == [
            line
            for line in lines
            if "a" in line.text
            and query.host in (None, line.host)
            and query.step in (None, line.step)
        ]
        assert count == len(found) > 1


@pytest.mark.usefixtures("small_slices")
async def test_a_search_that_takes_too_long_goes_on_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers what it has found so far, says that this is not all, and where it goes on."""
    new, lines = await written(store, web=["some text of a line"] * 40, web2=["more"] * 3)
    monkeypatch.setattr(log_lines, "SEARCH_TIME", -1.0)
    page = await store.ledger.search_log(new.job.id, LogQuery("text"))
    assert (page.lines, page.count, page.whole) == ((), 0, False)
    monkeypatch.setattr(log_lines, "SEARCH_TIME", 60.0)
    rest = await store.ledger.search_log(new.job.id, LogQuery("text"), page.next)
    assert list(rest.lines) == lines[:40]
    assert rest.whole


@pytest.mark.usefixtures("small_slices")
async def test_searches_leave_a_reader_to_the_ledger(store: Store) -> None:
    """However many people search, one slice at a time is read, in a short transaction each:
    SQLite has two readers."""
    new, _ = await written(store, web=["some text of a line"] * 40)
    at_once = most = reads = 0
    database = store.ledger._log_search._database
    read = database.read

    async def counting(work: partial[Any]) -> Any:
        nonlocal at_once, most, reads
        if work.func is not log_lines._look:
            return await read(work)
        at_once, reads = at_once + 1, reads + 1
        most = max(most, at_once)
        try:
            return await read(work)
        finally:
            at_once -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "read", counting)
        searches = [store.ledger.search_log(new.job.id, LogQuery("text")) for _ in range(5)]
        assert [found.count for found in await asyncio.gather(*searches)] == [40] * 5
    assert most == 1
    assert reads > 5 * 10


@pytest.mark.usefixtures("small_slices")
async def test_the_whole_output_comes_in_parts(store: Store) -> None:
    """One server after the other, each line with its time, server and step, without colours."""
    new, _ = await written(store, web=["\x1b[1ma\x1b[0m\nb", "c" * 50, "d"], db=["e"])
    parts = [part async for part in output_text(store.ledger, new.job.id)]
    assert "".join(parts) == (
        "12:00:01 db [build] e\n"
        "12:00:01 web [build] a\n"
        "12:00:01 web [build] b\n"
        f"12:00:02 web [test] {'c' * 50}\n"
        "12:00:03 web [build] d\n"
    )
    assert len(parts) > 1
    assert [part async for part in output_text(store.ledger, new.job.id, "db")] == parts[:1]
