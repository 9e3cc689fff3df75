"""Observations: the inputs of the engine. All times are steady seconds (steady_clock.py)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from alerts.labels import Labels
from alerts.links import Link


class Severity(StrEnum):
    """How bad an alert is, worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Its rank: the higher, the worse."""
        return _RANKS[self]


_RANKS = {Severity.CRITICAL: 3, Severity.WARNING: 2, Severity.INFO: 1}


@dataclass(frozen=True, slots=True)
class Sample:
    """One result of one check.

    `decided`: the sender decided (an alert that was pushed, an error that was reported), so it
    counts at once. Otherwise it is one result of many, and the thresholds of `source` decide
    (`probe/NAME` has those of that probe). `ends` is when a decided result is over unless it is
    repeated; without it, only a good result ends it. `dated`: `at` is when it happened, and it may
    be delivered twice, so that one which is older than what is known is ignored. Otherwise the
    order of arrival counts, because clocks of senders differ.

    A sender may say when an alert `began` and when it was `over`, in Unix seconds of its clock:
    that distinguishes old news from new, and people are shown it. `id` names what was pushed: a
    second sample with the same one is ignored. `links` are addresses for people.
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
    """A heartbeat of a server was received. The next one is due within about `interval` seconds;
    `leaving`: people stopped its agent."""

    host: str
    env: str
    interval: float
    at: float
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class LivenessSeen:
    """A server sent something other than a heartbeat, such as a pong: it is alive."""

    host: str
    env: str
    at: float


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The check-in called `name` was received; `failed`: it reported a failure itself."""

    name: str
    at: float
    failed: bool = False
    text: str = ""


Observation = Sample | HeartbeatSeen | LivenessSeen | CheckIn
