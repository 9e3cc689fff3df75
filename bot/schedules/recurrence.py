"""The kinds of times: an interval, times of day on some days, a cron expression, one moment. Pure.

Each has a form in JSON, and words that are parsed as the same.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY, WEEKDAYS, WEEKENDS = tuple(range(7)), tuple(range(5)), (5, 6)

_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Every(_Value):
    """Every so many seconds, whatever local clocks do."""

    kind: Literal["every"] = "every"
    seconds: int

    def words(self) -> str:
        """`every 5m`."""
        return f"every {span(self.seconds)}"


class Weekly(_Value):
    """At these times of the day, on these days of the week (0 is Monday)."""

    kind: Literal["weekly"] = "weekly"
    days: tuple[int, ...]
    times: tuple[time, ...]

    def words(self) -> str:
        """`weekdays at 09:00,17:30`."""
        known = {EVERY_DAY: "every day", WEEKDAYS: "weekdays", WEEKENDS: "weekends"}
        days = known.get(self.days) or ",".join(DAYS[day] for day in self.days)
        return f"{days} at {','.join(f'{each:%H:%M}' for each in self.times)}"


class Cron(_Value):
    """Whenever the five fields of a cron expression match."""

    kind: Literal["cron"] = "cron"
    expression: str

    def words(self) -> str:
        """`cron 0 9 * * 1-5`."""
        return f"cron {self.expression}"


class Once(_Value):
    """At one moment, in local time."""

    kind: Literal["once"] = "once"
    local: datetime

    def words(self) -> str:
        """`on 2027-01-05 at 07:00`."""
        return f"on {moment(self.local)}"


Recurrence = Annotated[Every | Weekly | Cron | Once, Field(discriminator="kind")]


class When(_Value):
    """A recurrence, in the local time of `zone` (`Europe/Kyiv`)."""

    recurrence: Recurrence
    zone: str = "UTC"

    def words(self, zone: str = "") -> str:
        """Return words that somebody in `zone` can type to get the same."""
        words = self.recurrence.words()
        return words if self.zone == zone else f"{words} {self.zone}"


def span(seconds: int) -> str:
    """Write seconds as `5m`, `90s`, `2h`: a whole number of the largest unit that gives one."""
    for unit, size in _UNITS:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def moment(local: datetime) -> str:
    """Write a moment as `2027-01-05 at 07:00`, with seconds if there are any."""
    return f"{local:%Y-%m-%d at %H:%M:%S}" if local.second else f"{local:%Y-%m-%d at %H:%M}"
