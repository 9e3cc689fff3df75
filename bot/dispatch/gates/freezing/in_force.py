"""The freezes that count now: those of the settings, and of calendars as they change.

baton.toml is read again on SIGHUP alone, as everything in it; a calendar, which other programs
write, is read again when its file has changed. What cannot be read stays as it was last read, and
is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from baton.bus.messages import now
from baton.errors import SettingsError
from bot.dispatch.gates.freezing.freeze_file import read_freeze, read_freezes
from bot.dispatch.gates.freezing.freeze_table import FreezeTable
from bot.dispatch.gates.freezing.windows import Freeze
from bot.dispatch.policy import MAX_REMEMBERED, is_user
from bot.findings import Finding, Findings

log = structlog.get_logger(__name__)

FOLLOW_INTERVAL = 60.0
"""Seconds between two looks whether a calendar has changed."""

_Stamp = tuple[int, int, int, int] | None
"""What tells that a file is another one than before; None if it cannot be looked at."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read at once, by table, and what is wrong with the others."""

    freezes: Mapping[FreezeTable, Freeze]
    problems: tuple[str, ...]
    stamps: tuple[_Stamp, ...]


class FreezesInForce:
    """The freezes of `tables`. `reread` returns the tables that the settings have now; it raises
    SettingsError, and so does the first reading of a calendar."""

    def __init__(
        self,
        tables: Sequence[FreezeTable] = (),
        reread: Callable[[], Sequence[FreezeTable]] | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._tables = tuple(tables)
        self._reread = reread
        self._clock = clock
        self._stamps = _stamps(self._tables)
        self.freezes = read_freezes(self._tables, clock())
        self._good = dict(zip(self._tables, self.freezes, strict=True))
        self._in_settings: tuple[str, ...] = ()
        self._in_calendars: tuple[str, ...] = ()
        self._about: dict[tuple[tuple[str, ...], str | None], tuple[Freeze, ...]] = {}
        self._about_of = self.freezes

    @property
    def problems(self) -> tuple[str, ...]:
        """Return why what counts is not what the files say now; empty if it is."""
        return self._in_settings + self._in_calendars

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

    def reload_or_log(self) -> None:
        """Use what the settings say now; what is wrong with them is in `problems`."""
        if self._reread is None:
            return
        try:
            self._tables = tuple(self._reread())
        except SettingsError as error:
            self._in_settings = (str(error),)
            log.error("freezes not reloaded: they stay as they were", reason=str(error))
            return
        self._in_settings = ()
        self._use(_read(self._tables, self._clock()))

    async def follow(self, findings: Findings) -> None:
        """Read the calendars again if one has changed, and notify people of what is wrong."""
        tables = self._tables
        stamps = await asyncio.to_thread(_stamps, tables)
        if stamps != self._stamps or self._in_calendars:
            found = await asyncio.to_thread(_read, tables, self._clock())
            if tables is self._tables:  # else SIGHUP has just read others
                self._use(found)
        for problem in self.problems:
            text = f"Freezes stay as they were: {problem}"
            findings.found(Finding("freezes", text, {"problem": problem}, lasts=_LASTS))

    def _use(self, found: _Reading) -> None:
        for problem in found.problems:
            if problem not in self._in_calendars:
                log.error("a freeze cannot be read: it stays as it was", reason=problem)
        self._stamps, self._in_calendars = found.stamps, found.problems
        known = {**self._good, **found.freezes}
        if all(table in known for table in self._tables):
            # one that was never read must not be one that does not freeze: then all stays
            self._good = {table: known[table] for table in self._tables}
            self.freezes = tuple(self._good.values())
            log.info("freezes read again", freezes=len(self.freezes))


_LASTS = 3 * FOLLOW_INTERVAL


def _read(tables: Sequence[FreezeTable], at: datetime) -> _Reading:
    stamps = _stamps(tables)  # before: what changes while it is read is read once more
    freezes, problems = {}, []
    for table in tables:
        try:
            freezes[table] = read_freeze(table, at)
        except SettingsError as error:
            problems.append(str(error))
    return _Reading(freezes, tuple(problems), stamps)


def _stamps(tables: Sequence[FreezeTable]) -> tuple[_Stamp, ...]:
    return tuple(_stamp(table.calendar) for table in tables if table.calendar is not None)


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
