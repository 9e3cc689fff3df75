"""Reads [[freeze]] tables and the calendars that they name into freezes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from baton.timing.calendar import zone
from bot.dispatch.gates.freezing.calendar_file import read_calendar
from bot.dispatch.gates.freezing.freeze_table import FreezeTable, minutes
from bot.dispatch.gates.freezing.windows import DAYS, Freeze, Spans, Weekly, Windows, moment


def read_freezes(tables: Sequence[FreezeTable], now: datetime) -> tuple[Freeze, ...]:
    """Return the freezes of `tables`. Raises as `read_freeze` does."""
    return tuple(read_freeze(table, now) for table in tables)


def read_freeze(table: FreezeTable, now: datetime) -> Freeze:
    """Return the freeze of `table`. A calendar is read; of events that repeat those from a year
    before `now` on count. Raises SettingsError that names the file and the line."""
    where = zone(table.zone)
    return Freeze(
        table.name,
        table.environments,
        table.apps,
        where,
        _windows(table, where, now),
        table.may_break,
    )


def _windows(table: FreezeTable, where: ZoneInfo, now: datetime) -> Windows:
    if table.calendar is not None:
        return read_calendar(table.calendar, where, now)
    begin, end = table.begin, table.end
    if isinstance(begin, datetime) and isinstance(end, datetime):
        return Spans(((moment(begin, where), moment(end, where, later=True)),))
    days = frozenset(DAYS.index(day) for day in table.days)
    return Weekly(days, minutes(str(begin or "00:00")), minutes(str(end or "24:00")), where)
