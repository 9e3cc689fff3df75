"""Tables for people, in plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from baton.text.printable import printable
from bot.fronts.terminal.lines import padded, width

GAP = "  "


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table: its columns are as wide as what stands in them."""
    shown = [[printable(cell(value)) for value in row] for row in rows]
    widths = [
        max(width(each[at]) for each in [list(columns), *shown] if at < len(each))
        for at in range(len(columns))
    ]
    for row in (columns, *shown):
        parts = [padded(text, room) for text, room in zip(row, widths, strict=False)]
        yield GAP.join(parts).rstrip()


def cell(value: object) -> str:
    """Return what stands in a table for `value`: local time, `yes`, a list with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(each) for each in value)
    return str(value)
