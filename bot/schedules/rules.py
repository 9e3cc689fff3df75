"""The rules of a schedule, beside its time. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from baton.timing.calendar import end_of_day
from bot.schedules.recurrence import moment, span

CATCH_UP = 600
"""Seconds by which a firing may be late, because no bot was running, and still run."""


class Rules(BaseModel):
    """`overlap` decides about a firing while the previous run still runs. `catch_up` and `jitter`
    are in seconds. The schedule is paused after `pause_after` failures in a row (0: never), and
    ends at `until`, in the local time of its zone, or after `times` runs. With `quiet` a result is
    shown only if it differs from the one before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap: Literal["skip", "queue", "allow"] = "skip"
    catch_up: int = Field(default=CATCH_UP, ge=0)
    jitter: int = Field(default=0, ge=0)
    pause_after: int = Field(default=0, ge=0)
    until: datetime | None = None
    times: int | None = Field(default=None, ge=1)
    quiet: bool = False

    def words(self) -> str:
        """Return words that are parsed as the same, without those for defaults."""
        said = []
        if self.overlap != "skip":
            said.append("overlap queue one" if self.overlap == "queue" else "overlap allow")
        if self.catch_up != CATCH_UP:
            said.append(f"catch-up {span(self.catch_up)}")
        if self.jitter:
            said.append(f"jitter {span(self.jitter)}")
        if self.pause_after:
            said.append(f"pause-after {self.pause_after}")
        if self.until is not None:
            whole_day = self.until == end_of_day(self.until.date())
            said.append(f"until {f'{self.until:%Y-%m-%d}' if whole_day else moment(self.until)}")
        if self.times is not None:
            said.append("1 time" if self.times == 1 else f"{self.times} times")
        if self.quiet:
            said.append("quiet")
        return " ".join(said)
