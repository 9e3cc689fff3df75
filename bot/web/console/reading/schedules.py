"""Schedules as a viewer may see them, with their next times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.jobs import CONSOLE
from bot.schedules.schedule import Schedule
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import note_of, reader_of

NEXT_SHOWN = 3
"""How many of the next times are shown."""


@dataclass(frozen=True, slots=True)
class SeenSchedule:
    """A schedule. `next` are its next times, none if it does not run again; `zone` is the time zone
    of `timing`. `note` says why it is paused or has ended."""

    id: str
    short: str
    words: str
    timing: str
    zone: str
    by: str
    place: str
    status: str
    note: str
    next: tuple[datetime, ...]
    outcome: str
    runs: int
    failures: int


@dataclass(frozen=True, slots=True)
class SeenSchedules:
    """The schedules that somebody may read; `left_out` counts the others, `note` says so."""

    schedules: tuple[SeenSchedule, ...]
    left_out: int
    note: str


class ScheduleReading:
    """Reads schedules for viewers."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def read(self, viewer: Viewer) -> SeenSchedules:
        """Return the schedules of the people whom the same directory knows, those that are due next
        first. Raises DatabaseUnavailable."""
        parts, store = self._parts, self._parts.store.schedules
        directory = viewer.place.directory
        found = [
            *await store.in_channel(directory),
            *(one for one in await store.in_channel(CONSOLE, directory) if directory != CONSOLE),
        ]
        reader = reader_of(parts.authorizer, viewer, "schedule", parts.clock())
        read = [one for one in found if await reader.may_read(parts.schedules.record(one))]
        seen = sorted((_seen(one) for one in read), key=_order)
        return SeenSchedules(tuple(seen), reader.left_out, note_of(reader, "schedule"))


def _order(one: SeenSchedule) -> tuple[bool, str, str]:
    return (not one.next, one.next[0].isoformat() if one.next else "", one.id)


def _seen(one: Schedule) -> SeenSchedule:
    return SeenSchedule(
        one.id,
        one.short,
        one.words,
        one.timing.words("UTC"),
        one.timing.when.zone,
        one.owner.label,
        one.place.name or one.place.channel,
        one.status,
        one.note,
        tuple(one.next_times(NEXT_SHOWN)) if one.status == "active" else (),
        one.outcome,
        one.runs,
        one.failures,
    )
