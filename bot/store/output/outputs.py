"""The output of runs, all of it or its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, select

from baton.text.printable import without_escapes
from bot.jobs import Tail
from bot.store.database.sql import AnyRow, chunks
from bot.store.tables.job_tables import output, runs


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A piece of a run's output: the text of one update, of one line or several, with the escape
    sequences in it. Whoever shows it renders the colours (baton.text.sgr) or leaves them out."""

    host: str
    attempt: int
    sequence: int
    time: datetime
    level: str
    step: str
    text: str


def whole(connection: Connection, job: str, host: str | None) -> list[OutputLine]:
    """Return all output of `job`, or of one of its hosts, run by run."""
    statement = select(output).where(output.c.job == job)
    if host is not None:
        statement = statement.where(output.c.host == host)
    ordered = statement.order_by(output.c.host, output.c.attempt, output.c.ends)
    return [piece_of(row) for row in connection.execute(ordered)]


def tails(
    connection: Connection, job: str, characters: int, hosts: Sequence[str] | None
) -> dict[str, Tail]:
    """Return the end of the output of these hosts, or of all, by host: at most the last
    `characters` of its last attempt, in whole lines.

    They are without colours. Only the end is read, however long the output is.
    """
    rows = [
        row
        for some in ([None] if hosts is None else chunks(hosts))
        for row in connection.execute(_ends(job, characters, some))
        if row.attempt is not None
    ]
    found = (
        _tail(name, list(pieces), characters)
        for name, pieces in groupby(rows, key=lambda row: row.host)
    )
    return {tail.host: tail for tail in found}


def _ends(job: str, characters: int, hosts: Sequence[str] | None) -> Select[Any]:
    newer = runs.alias("newer")
    is_newer = and_(
        newer.c.job == runs.c.job,
        newer.c.host == runs.c.host,
        newer.c.attempt > runs.c.attempt,
    )
    at_the_end = and_(
        output.c.job == runs.c.job,
        output.c.host == runs.c.host,
        output.c.attempt == runs.c.attempt,
        output.c.ends > runs.c.size - characters,
    )
    # An outer join, because SQLite then begins with the runs: for each it reads the end of the
    # output by its key. From the other side it would read all of the output.
    statement = (
        select(runs.c.host, output.c.attempt, output.c.lines, output.c.text)
        .outerjoin_from(runs, output, at_the_end)
        .where(runs.c.job == job, ~exists(select(1).select_from(newer).where(is_newer)))
        .order_by(runs.c.host, output.c.ends)
    )
    return statement if hosts is None else statement.where(runs.c.host.in_(hosts))


def _tail(host: str, pieces: list[AnyRow], characters: int) -> Tail:
    # line by line: a sequence without an end hides no more than its line
    lines = [without_escapes(line) for piece in pieces for line in piece.text.split("\n")]
    shown: list[str] = []
    room = characters
    for line in reversed(lines):
        if len(line) + 1 > room and shown:
            break
        shown.append(line[-characters:])
        room -= len(line) + 1
    shown.reverse()
    return Tail(host, pieces[-1].attempt, "\n".join(shown), pieces[-1].lines - len(shown))


def piece_of(row: AnyRow) -> OutputLine:
    """Return the piece in `row`."""
    return OutputLine(row.host, row.attempt, row.sequence, row.time, row.level, row.step, row.text)
