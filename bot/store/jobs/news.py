"""What is new of one job since a moment of its own clock.

The clock of a job is its revision: every transaction that changes the job or its runs raises it,
under the lock of the job's row, and stamps the output that it writes. So revisions are committed in
their order, and whoever has everything up to one misses nothing by asking for what is after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, and_, bindparam, case, func, select

from bot.jobs import Job, RunRecord
from bot.store.database.sql import AnyRow, as_of_one_moment
from bot.store.jobs.job_changes import runs_of
from bot.store.jobs.job_rows import job_of
from bot.store.jobs.schedule_post_rows import OF_SCHEDULES
from bot.store.safety.votes import with_votes
from bot.store.tables.job_tables import jobs, output

PIECES = 500
"""Pieces of output in one answer, at most: each has up to 8,000 characters."""

_WHOLE = 2**31 - 1
_POSITION = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A moment of a job: all of a revision, or its first `part` pieces of output.

    The pieces of a revision are in the order of their servers, which is the same for every bot. In
    text it is `12` or `12.3`.
    """

    revision: int
    part: int = _WHOLE

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that `text` says. Raises ValueError."""
        found = _POSITION.fullmatch(text)
        if found is None:
            raise ValueError("a position is a revision as `12`, or a part of one as `12.3`")
        revision, part = found.groups()
        return cls(int(revision)) if part is None else cls(int(revision), int(part))

    @property
    def whole(self) -> bool:
        """Whether it is all of its revision."""
        return self.part == _WHOLE

    def __str__(self) -> str:
        """Return it as `parse` reads it."""
        return str(self.revision) if self.whole else f"{self.revision}.{self.part}"


BEGINNING = Position(0, 0)
"""Before everything."""


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """A piece of a run's output, of one line or several. `first` is the number of its first line in
    the run, from 1; `after` is the position of a client that has this piece and all before it."""

    host: str
    attempt: int
    first: int
    time: datetime
    level: str
    step: str
    text: str
    after: Position


@dataclass(frozen=True, slots=True)
class Said:
    """What a run had said by some moment: so many lines, the last of them in this step. `text` is
    the last that is no line of a program."""

    lines: int = 0
    step: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """A job as it is, its runs, and the output that is new, oldest first.

    If `more` the output goes on after the last piece. `unstamped` counts the pieces that have no
    revision: if there are more of them than before, an older bot has written output that is not in
    any news.
    """

    job: Job
    runs: tuple[RunRecord, ...]
    pieces: tuple[OutputPiece, ...]
    more: bool
    unstamped: int

    @property
    def upto(self) -> Position:
        """The position of who has these news and all before them."""
        return self.pieces[-1].after if self.more else Position(self.job.revision)


_JOB = select(jobs).where(jobs.c.id == bindparam("name"), ~OF_SCHEDULES)
_UNSTAMPED = select(func.count()).where(output.c.job == bindparam("name"), output.c.revision == 0)
_PIECES = (
    select(output)
    .where(
        output.c.job == bindparam("name"),
        output.c.revision >= bindparam("first"),
        output.c.revision <= bindparam("last"),
    )
    .order_by(output.c.revision, output.c.host, output.c.attempt, output.c.ends)
    .limit(bindparam("limit"))
    .offset(bindparam("skipped"))
)


def news(connection: Connection, name: str, after: Position, limit: int) -> News | None:
    """Return what is new of the job `name` since `after`, all as at one moment; None if there is no
    such job."""
    as_of_one_moment(connection)
    row = connection.execute(_JOB, {"name": name}).one_or_none()
    if row is None:
        return None
    job = with_votes(connection, {row.id: job_of(row)})[row.id]
    found = pieces(connection, name, after, job.revision, limit + 1)
    unstamped = connection.execute(_UNSTAMPED, {"name": name}).scalar_one()
    runs = tuple(runs_of(connection, name))
    return News(job, runs, found[:limit], len(found) > limit, unstamped)


def pieces(
    connection: Connection, name: str, after: Position, upto: int, limit: int
) -> tuple[OutputPiece, ...]:
    """Return the first pieces of output after `after`, up to and with the revision `upto`."""
    begin = Position(after.revision + 1, 0) if after.whole else after
    values: Mapping[str, Any] = {
        "name": name,
        "first": begin.revision,
        "last": upto,
        "limit": limit,
        "skipped": begin.part,
    }
    found: list[OutputPiece] = []
    revision, part = begin.revision, begin.part
    for row in connection.execute(_PIECES, values):
        if row.revision != revision:
            revision, part = row.revision, 0
        part += 1
        found.append(_piece(row, Position(revision, part)))
    return tuple(found)


def said(connection: Connection, name: str, at: datetime) -> dict[tuple[str, int], Said]:
    """Return what each run of the job `name` had said at `at`, by host and attempt."""
    by_then = (output.c.job == name, output.c.time <= at)
    headlines = case((output.c.level != "log", output.c.ends))
    run = (output.c.host, output.c.attempt)
    last = (
        select(*run, func.max(output.c.ends).label("last"), func.max(headlines).label("headline"))
        .where(*by_then)
        .group_by(*run)
        .subquery()
    )
    ours = and_(output.c.job == name, output.c.host == last.c.host)
    named = and_(
        ours,
        output.c.attempt == last.c.attempt,
        output.c.ends.in_([last.c.last, last.c.headline]),
    )
    found: dict[tuple[str, int], Said] = {}
    # an inner join from the few, so that each is looked up by its key
    statement = select(output, last.c.last).select_from(last).join(output, named)
    for row in connection.execute(statement.order_by(output.c.ends)):
        before = found.get((row.host, row.attempt), Said())
        text = before.text if row.level == "log" else row.text
        found[row.host, row.attempt] = Said(row.lines, row.step, text)
    return found


def revision_of(connection: Connection, name: str) -> int | None:
    """Return the revision of the job `name`; None if there is no such job."""
    statement = select(jobs.c.revision).where(jobs.c.id == name)
    return connection.execute(statement).scalar()


def _piece(row: AnyRow, after: Position) -> OutputPiece:
    first = row.lines - row.text.count("\n")
    return OutputPiece(row.host, row.attempt, first, row.time, row.level, row.step, row.text, after)
