"""The output of a job by its lines: some of a run by their numbers, what contains some words, and
all of it in slices.

Lines are counted from 1 in each run. Nothing reads more than it shows but the search, which reads
the output slice by slice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, or_, select
from sqlalchemy.sql.functions import aggregate_strings

from bot.store.database.sql import AnyRow
from bot.store.database.text_search import (
    ESCAPE,
    contains,
    count_lines,
    folded,
    holds,
    may_hold,
)
from bot.store.database.transactions import Database
from bot.store.output.log_slices import LogPosition, RunOutput, Slice, slices
from bot.store.output.outputs import OutputLine, piece_of
from bot.store.tables.job_tables import output, runs

T = TypeVar("T")

SEARCH_TIME = 5.0
"""Seconds of one search; it can be continued."""
_NEAR = 20_000
"""Characters before a line that are looked through, at most: that takes less time than to look for
it more exactly."""
_FIRST_BLOCK, _BLOCK = 20, 500
"""Pieces that are read at once."""
_IN_ORDER = (output.c.host, output.c.attempt, output.c.ends)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a run's output, with the escape sequences in it."""

    host: str
    attempt: int
    number: int
    time: datetime
    level: str
    step: str
    text: str


_Hit = tuple[LogLine, int]
"""A line, and where its piece ends."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. `count` is the number of lines that match; None if they were not
    counted. `next` is where the search goes on, if it does. `whole` says that the time was enough
    for all output; else there may be more than `count`."""

    lines: tuple[LogLine, ...]
    count: int | None
    next: LogPosition | None
    whole: bool


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What is searched for: lines with these words, of one server or step if it is named."""

    words: str
    host: str | None = None
    step: str | None = None


def sizes(connection: Connection, job: str, host: str | None = None) -> list[RunOutput]:
    """Return how much output each run of `job`, or of one of its hosts, has so far, by host and
    attempt."""
    columns = (runs.c.host, runs.c.attempt, runs.c.lines, runs.c.size)
    statement = select(*columns).where(runs.c.job == job).order_by(runs.c.host, runs.c.attempt)
    if host is not None:
        statement = statement.where(runs.c.host == host)
    return [RunOutput(*row) for row in connection.execute(statement)]


def whole_slice(connection: Connection, job: str, part: Slice) -> list[OutputLine]:
    """Return all that a slice holds, in order."""
    statement = _of_slice(select(output), job, part, None).order_by(*_IN_ORDER)
    return [piece_of(row) for row in connection.execute(statement)]


def lines(
    connection: Connection, job: str, host: str, attempt: int, first: int, count: int
) -> list[LogLine]:
    """Return the lines from `first` on, `count` at most."""
    size = select(runs.c.size).where(*_is(runs, job, host, attempt))
    whole = connection.execute(size).scalar()
    found: list[LogLine] = []
    if not whole or count < 1:
        return found
    # each of a few lines or of hundreds: how many pieces are needed is seen as they come
    block = _FIRST_BLOCK
    after = before_line(connection, job, host, attempt, first, whole)
    of_run = select(output).where(*_is(output, job, host, attempt), output.c.lines >= first)
    while len(found) < count:
        pieces = of_run.where(output.c.ends > after).order_by(output.c.ends).limit(block)
        rows = connection.execute(pieces).all()
        found += [line for row in rows for line in lines_of(row) if line.number >= first]
        if len(rows) < block:
            break
        after, block = rows[-1].ends, min(block * 4, _BLOCK)
    return found[:count]


def before_line(
    connection: Connection, job: str, host: str, attempt: int, line: int, size: int
) -> int:
    """Return a place in a run before the piece that holds `line`, and near it. It is looked for by
    halves, since pieces are in order by their lines as by their ends."""
    statement = select(output.c.ends, output.c.lines).where(*_is(output, job, host, attempt))
    low, high = 0, size
    while high - low > _NEAR:
        middle = (low + high) // 2
        at_hand = statement.where(output.c.ends > middle).order_by(output.c.ends).limit(1)
        row = connection.execute(at_hand).first()
        if row is not None and row.lines < line:
            low = row.ends
        else:
            high = middle
    return low


class LogSearch:
    """Searches the output of jobs in `database`.

    One slice at a time is read, whoever searches: SQLite has two readers, and the ledger must not
    wait for both.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Semaphore(1)

    async def search(
        self, job: str, query: LogQuery, begin: LogPosition | None = None, limit: int = 100
    ) -> Found:
        """Return the first `limit` lines that match, from `begin` on, and their number if it
        begins at the first line. Raises DatabaseUnavailable."""
        outputs = await self._database.read(partial(sizes, job=job, host=query.host))
        end = time.monotonic() + SEARCH_TIME
        words = folded(query.words)
        hits: list[_Hit] = []
        counts = _Counts()
        whole, rest = True, None
        for part in slices(outputs, begin):
            full = len(hits) > limit
            if full and begin is not None:
                break
            if time.monotonic() > end:
                whole, rest = False, part.begin
                break
            if full:
                text = await self._read(partial(_text, job=job, part=part, step=query.step))
                await counts.add_lines(text, words)
                continue
            most = limit + 1 - len(hits)
            count, found = await self._read(
                partial(_look, job=job, part=part, query=query, begin=begin, most=most)
            )
            counts.add(count)
            hits += found
        if len(hits) > limit:
            last, ends = hits[limit - 1]
            rest = LogPosition(last.host, last.attempt, ends, last.number)
        shown = tuple(line for line, _ in hits[:limit])
        counted = await counts.whole()
        return Found(shown, counted if begin is None else None, rest, whole)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        async with self._reading:
            return await self._database.read(work)


class _Counts:
    """Counts in a thread the lines that match in one text, while the caller reads the next."""

    def __init__(self) -> None:
        self._count = 0
        self._counting: asyncio.Future[int] | None = None

    def add(self, count: int) -> None:
        """Add what was counted elsewhere."""
        self._count += count

    async def add_lines(self, text: str, words: str) -> None:
        """Begin to count the lines of `text` that hold `words`, once the text before it is done."""
        await self.whole()
        self._counting = asyncio.ensure_future(asyncio.to_thread(count_lines, text, words))

    async def whole(self) -> int:
        """Return the number, once all is counted."""
        if self._counting is not None:
            self._count += await self._counting
            self._counting = None
        return self._count


def _text(connection: Connection, job: str, part: Slice, step: str | None) -> str:
    """Return all of a slice as one value, which is read ten times as fast as row by row."""
    text = aggregate_strings(output.c.text, "\n")
    return connection.execute(_of_slice(select(text), job, part, step)).scalar() or ""


def _look(
    connection: Connection,
    job: str,
    part: Slice,
    query: LogQuery,
    begin: LogPosition | None,
    most: int,
) -> tuple[int, list[_Hit]]:
    """Return how many lines of a slice match, and the first of them behind `begin`, `most` at
    most. The pieces with hits are read where there are any."""
    words = folded(query.words)
    count = count_lines(_text(connection, job, part, query.step), words)
    if not count:
        return count, []
    likely = may_hold(output.c.text, words)
    pieces = _of_slice(select(output), job, part, query.step).order_by(*_IN_ORDER)
    if count <= most:
        found = list(_matching(connection.execute(pieces.where(likely)), words))
        if len(found) >= count:
            return count, [hit for hit in found if _is_behind(hit, begin)]
    # there are more than are shown, or colours stand between the letters
    pieces = pieces.where(or_(likely, contains(output.c.text, ESCAPE)))
    found, block, read = [], _FIRST_BLOCK, 0
    while len(found) < most:
        rows = connection.execute(pieces.limit(block).offset(read)).all()
        behind = (hit for hit in _matching(rows, words) if _is_behind(hit, begin))
        found += islice(behind, most - len(found))
        if len(rows) < block:
            break
        read, block = read + block, min(block * 4, _BLOCK)
    return count, found


def _matching(rows: Iterable[AnyRow], words: str) -> Iterator[_Hit]:
    for row in rows:
        yield from ((line, row.ends) for line in lines_of(row) if holds(line.text, words))


def _is_behind(hit: _Hit, begin: LogPosition | None) -> bool:
    line, ends = hit
    if begin is None:
        return True
    return (line.host, line.attempt, ends) != begin[:3] or line.number > begin.line


def _of_slice(statement: Select[Any], job: str, part: Slice, step: str | None) -> Select[Any]:
    if part.attempt is None:
        hosts = (output.c.host >= part.first, output.c.host <= part.last)
        found = statement.where(output.c.job == job, *hosts)
    else:
        behind = (output.c.ends > part.after, output.c.ends <= part.upto)
        found = statement.where(*_is(output, job, part.first, part.attempt), *behind)
    return found if step is None else found.where(output.c.step == step)


def _is(table: Any, job: str, host: str, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return table.c.job == job, table.c.host == host, table.c.attempt == attempt


def lines_of(row: AnyRow) -> Iterator[LogLine]:
    """Yield the lines of a piece."""
    texts = row.text.split("\n")
    for number, text in enumerate(texts, row.lines - len(texts) + 1):
        yield LogLine(row.host, row.attempt, number, row.time, row.level, row.step, text)
