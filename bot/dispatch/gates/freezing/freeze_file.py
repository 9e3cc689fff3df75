"""Reads [[freeze]] tables and the calendars that they name into freezes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from baton.errors import SettingsError
from baton.timing.calendar import zone
from bot.dispatch.gates.freezing.calendar_file import read_calendar
from bot.dispatch.gates.freezing.freeze_table import FreezeTable, minutes
from bot.dispatch.gates.freezing.windows import DAYS, Freeze, Spans, Weekly, Windows, moment
from bot.dispatch.policy import MAX_REMEMBERED, is_user

log = structlog.get_logger(__name__)


def read_freezes(tables: Sequence[FreezeTable], now: datetime) -> tuple[Freeze, ...]:
    """Return the freezes of `tables`. Calendars are read; of events that repeat those from a year
    before `now` on count. Raises SettingsError that names the file and the line."""
    return tuple(
        Freeze(
            table.name,
            table.environments,
            table.apps,
            zone(table.zone),
            _windows(table, zone(table.zone), now),
            table.may_break,
        )
        for table in tables
    )


def _windows(table: FreezeTable, where: ZoneInfo, now: datetime) -> Windows:
    if table.calendar is not None:
        return read_calendar(table.calendar, where, now)
    begin, end = table.begin, table.end
    if isinstance(begin, datetime) and isinstance(end, datetime):
        return Spans(((moment(begin, where), moment(end, where, later=True)),))
    days = frozenset(DAYS.index(day) for day in table.days)
    return Weekly(days, minutes(str(begin or "00:00")), minutes(str(end or "24:00")), where)


class FreezesInForce:
    """The freezes that count now. `read` reads the settings again; it raises SettingsError."""

    def __init__(
        self, freezes: tuple[Freeze, ...] = (), read: Callable[[], tuple[Freeze, ...]] | None = None
    ) -> None:
        self.freezes = freezes
        self._read = read
        self._about: dict[tuple[tuple[str, ...], str | None], tuple[Freeze, ...]] = {}
        self._about_of = freezes

    def about(self, environments: tuple[str, ...], app: str | None) -> tuple[Freeze, ...]:
        """Return those that are about `app` in one of `environments`. Patterns are matched once for
        what is asked again."""
        if self._about_of is not self.freezes or len(self._about) >= MAX_REMEMBERED:
            self._about, self._about_of = {}, self.freezes
        key = (environments, app)
        found = self._about.get(key)
        if found is None:
            found = self._about[key] = tuple(
                one for one in self.freezes if any(one.concerns(each, app) for each in environments)
            )
        return found

    def groups(self) -> frozenset[str]:
        """Return every name in them that may be a group."""
        named = {who for freeze in self.freezes for who in freeze.may_break}
        return frozenset(who for who in named if not is_user(who))

    def reload_or_log(self) -> str:
        """Use what the settings say now; return what is wrong with them, if nothing changes."""
        if self._read is None:
            return ""
        try:
            self.freezes = self._read()
        except SettingsError as error:
            log.error("freezes not reloaded: they stay as they were", reason=str(error))
            return str(error)
        log.info("freezes read again", freezes=len(self.freezes))
        return ""
