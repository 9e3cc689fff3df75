"""What was seen: the inputs of the engine. All times are steady seconds (steady_clock.py)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from alerts.labels import Labels
from alerts.links import Link


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The higher, the worse."""
        return _RANKS[self]


_RANKS = {Severity.CRITICAL: 3, Severity.WARNING: 2, Severity.INFO: 1}


@dataclass(frozen=True, slots=True)
class Sample:
    """One observation of one watched thing.

    `decided`: somebody else decided (an alert that was pushed, an error that was reported), so it
    counts at once; otherwise it is one result of many and the thresholds of `source` decide
    (`probe/NAME` has those of that probe). `ends` is when what was told is over unless it is told
    again; without it, only the opposite ends it. `dated`: `at` is when it happened, and it may be
    told more than once, so what is older than what is known says nothing; else the order in which
    it came counts, for the clocks of those who pass it on may differ.

    Whoever pushes may say when it `began` and when it was `over`, in Unix seconds by their clock:
    that tells what is old news of what is new, and is what people are shown. `id` names what was
    pushed: what comes again with the same one says nothing. `links` is what they want to be looked
    at.
    """

    labels: Labels
    bad: bool
    at: float
    text: str = ""
    severity: Severity = Severity.WARNING
    source: str = ""
    decided: Annotated[bool, Field(alias="told")] = False
    ends: float | None = None
    dated: bool = False
    began: float | None = None
    over: float | None = None
    id: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class HeartbeatSeen:
    """A heartbeat of a server. The next one follows within `interval` seconds, more or less;
    `leaving`: its agent was stopped by people."""

    host: str
    env: str
    interval: float
    at: float
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class LivenessSeen:
    """A server has said something else than a heartbeat, such as a pong: it is alive."""

    host: str
    env: str
    at: float


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The check-in called `name` was heard from; `failed`: it said itself that it failed."""

    name: str
    at: float
    failed: bool = False
    text: str = ""


Observation = Sample | HeartbeatSeen | LivenessSeen | CheckIn
