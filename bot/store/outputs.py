"""What runs said, whole or its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, func, select

from bot.jobs import Tail
from bot.store.sql import AnyRow
from bot.store.tables import output, runs


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A piece of a run's output: what one update said, of one line or several."""

    host: str
    attempt: int
    sequence: int
    time: datetime
    level: str
    step: str
    text: str


def whole(connection: Connection, job: str, host: str | None) -> list[OutputLine]:
    """All output of `job`, or of one host of it, run by run."""
    statement = select(output).where(output.c.job == job)
    if host is not None:
        statement = statement.where(output.c.host == host)
    return [_line(row) for row in connection.execute(_in_order(statement))]


def tails(connection: Connection, job: str, characters: int, host: str | None) -> dict[str, Tail]:
    """By host, at most the last `characters` of what its last attempt said, in whole lines.

    Reads the end alone, however long the output is.
    """
    rows = connection.execute(_in_order(_ends(job, characters, host)))
    found = (
        _tail(name, list(pieces), characters)
        for name, pieces in groupby(rows, key=lambda row: row.host)
    )
    return {tail.host: tail for tail in found}


def _ends(job: str, characters: int, host: str | None) -> Select[Any]:
    newest = (
        select(runs.c.host, func.max(runs.c.attempt).label("attempt"))
        .where(runs.c.job == job)
        .group_by(runs.c.host)
    )
    if host is not None:
        newest = newest.where(runs.c.host == host)
    last = newest.subquery()
    return (
        select(output)
        .select_from(last)
        .join(runs, (runs.c.host == last.c.host) & (runs.c.attempt == last.c.attempt))
        .join(
            output,
            (output.c.job == runs.c.job)
            & (output.c.host == runs.c.host)
            & (output.c.attempt == runs.c.attempt)
            & (output.c.ends > runs.c.size - characters),
        )
        .where(runs.c.job == job)
    )


def _in_order(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(output.c.host, output.c.attempt, output.c.ends)


def _tail(host: str, pieces: list[AnyRow], characters: int) -> Tail:
    lines = [line for piece in pieces for line in piece.text.split("\n")]
    shown: list[str] = []
    room = characters
    for line in reversed(lines):
        if len(line) + 1 > room and shown:
            break
        shown.append(line[-characters:])
        room -= len(line) + 1
    shown.reverse()
    return Tail(host, pieces[-1].attempt, "\n".join(shown), pieces[-1].lines - len(shown))


def _line(row: AnyRow) -> OutputLine:
    return OutputLine(row.host, row.attempt, row.sequence, row.time, row.level, row.step, row.text)
