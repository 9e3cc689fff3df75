"""The rules of one schedule, beside its time. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from baton.timing.calendar import end_of_day
from bot.schedules.recurrence import moment, span

CATCH_UP = 600
"""Seconds by which a firing may be late, because no bot was there, and still be run."""


class Rules(BaseModel):
    """`overlap`: what is done with a firing whose predecessor still runs. `catch_up` and `jitter`
    are in seconds. `pause_after` so many failures in a row (0: never). `until`, on the clocks of
    the schedule's zone, and `times`: when it ends. `quiet`: results are shown when they change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap: Literal["skip", "queue", "allow"] = "skip"
    catch_up: int = Field(default=CATCH_UP, ge=0)
    jitter: int = Field(default=0, ge=0)
    pause_after: int = Field(default=0, ge=0)
    until: datetime | None = None
    times: int | None = Field(default=None, ge=1)
    quiet: bool = False

    def words(self) -> str:
        """What is read back as the same; nothing of what is as usual."""
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
