"""A window on the output of a job: some lines, at its end or beside a line, as one sees them in a
page that scrolls.

The lines of several servers are in the order in which they were stored, which no later line
changes. However long the output is, only what the window shows is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Select, literal, select, tuple_

from bot.jobs import Job, RunRecord
from bot.store.database.sql import AnyRow, as_of_one_moment
from bot.store.jobs.job_rows import job_of, run_of
from bot.store.jobs.schedule_post_rows import OF_SCHEDULES
from bot.store.output.log_lines import LogLine, before_line, lines_of
from bot.store.tables.job_tables import jobs, output, runs

MOST_LINES = 2_000
"""Lines of one window, at most."""
_BLOCK = 200


class LineName(NamedTuple):
    """Which line: the `number`-th, from 1, of one attempt on one server."""

    host: str
    attempt: int
    number: int


class Side(StrEnum):
    """Where a window lies: before a line, after it, or from it on."""

    BEFORE = "before"
    AFTER = "after"
    FROM = "from"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """Which lines are looked at: those of one server or step, if it is named, and those that were
    written until a moment."""

    host: str = ""
    step: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run, and how many lines of output it has."""

    run: RunRecord
    lines: int


@dataclass(frozen=True, slots=True)
class LogWindow:
    """Lines in their order, and the job and its runs at the same moment. `more` says whether there
    are others further on, away from the line beside which they were looked for."""

    job: Job
    runs: tuple[SeenRun, ...]
    lines: tuple[LogLine, ...]
    more: bool


def window(
    connection: Connection,
    name: str,
    view: LogView,
    count: int,
    side: Side = Side.BEFORE,
    beside: LineName | None = None,
) -> LogWindow | None:
    """Return `count` lines on one side of the line `beside`, which need not exist; without it those
    at the end. None if there is no such job."""
    as_of_one_moment(connection)
    job = connection.execute(select(jobs).where(jobs.c.id == name, ~OF_SCHEDULES)).one_or_none()
    if job is None:
        return None
    of_job = select(runs).where(runs.c.job == name).order_by(runs.c.host, runs.c.attempt)
    seen = tuple(SeenRun(run_of(row), row.lines) for row in connection.execute(of_job))
    found: list[LogLine] = []
    for line in _lines(connection, name, view, side, beside):
        found.append(line)
        if len(found) > count:
            break
    shown = found[:count] if side is not Side.BEFORE else found[:count][::-1]
    return LogWindow(job_of(job), seen, tuple(shown), len(found) > count)


def _lines(
    connection: Connection, job: str, view: LogView, side: Side, beside: LineName | None
) -> Iterator[LogLine]:
    """Yield the lines on that side, the nearest first."""
    back = side is Side.BEFORE
    edge = _piece_of(connection, job, beside) if beside else None
    for row in _pieces(connection, job, view, back, edge):
        lines = list(lines_of(row))
        if beside and edge is not None and row.ends == edge.ends and _same(row, beside):
            lines = [line for line in lines if _is_on(side, line.number, beside.number)]
        yield from reversed(lines) if back else lines


def _is_on(side: Side, number: int, beside: int) -> bool:
    if side is Side.BEFORE:
        return number < beside
    return number > beside if side is Side.AFTER else number >= beside


def _same(row: AnyRow, line: LineName) -> bool:
    return (row.host, row.attempt) == (line.host, line.attempt)


def _pieces(
    connection: Connection, job: str, view: LogView, back: bool, edge: AnyRow | None
) -> Iterator[AnyRow]:
    """Yield the pieces from `edge` on, or all, in blocks: nobody knows before how many lines they
    hold."""
    statement = _viewed(job, view)
    # of one server the order is that of its output, which has an index of its own
    columns: tuple[Column[Any], ...] = (output.c.attempt, output.c.ends)
    if not view.host:
        columns = (output.c.revision, output.c.host, *columns)
    key = tuple_(*columns)
    ordered = statement.order_by(*(one.desc() if back else one.asc() for one in columns))
    inclusive = True
    while True:
        block = ordered
        if edge is not None:
            values = tuple_(*(literal(getattr(edge, one.name), one.type) for one in columns))
            if back:
                block = block.where(key <= values if inclusive else key < values)
            else:
                block = block.where(key >= values if inclusive else key > values)
        rows = connection.execute(block.limit(_BLOCK)).all()
        yield from rows
        if len(rows) < _BLOCK:
            return
        edge, inclusive = rows[-1], False


def _viewed(job: str, view: LogView) -> Select[Any]:
    statement = select(output).where(output.c.job == job)
    if view.host:
        statement = statement.where(output.c.host == view.host)
    if view.step:
        statement = statement.where(output.c.step == view.step)
    if view.until is not None:
        statement = statement.where(output.c.time <= view.until)
    return statement


def _piece_of(connection: Connection, job: str, line: LineName) -> AnyRow | None:
    """Return the piece that holds `line`, or the last one of its run if it is past the end; None if
    the run has no output."""
    of_run = (output.c.job == job, output.c.host == line.host, output.c.attempt == line.attempt)
    pieces = select(output).where(*of_run)
    last = connection.execute(pieces.order_by(output.c.ends.desc()).limit(1)).first()
    if last is None or last.lines <= line.number:
        return last
    near = before_line(connection, job, line.host, line.attempt, line.number, last.ends)
    behind = pieces.where(output.c.ends > near, output.c.lines >= line.number)
    return connection.execute(behind.order_by(output.c.ends).limit(1)).first()
