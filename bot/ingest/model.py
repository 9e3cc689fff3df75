"""The checked values of what others send over HTTP or the bus, and the protocol of their sink."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from pydantic import JsonValue

from alerts.observation import Observation
from bot.ingest.errors import BadInput


class Phase(StrEnum):
    """What a check-in says of the work that it is about."""

    STARTED = "started"
    NOTED = "noted"
    """A note along the way, which does not say how the work went."""
    DONE = "done"
    FAILED = "failed"


PHASES = {
    "start": Phase.STARTED,
    "started": Phase.STARTED,
    "log": Phase.NOTED,
    "ok": Phase.DONE,
    "done": Phase.DONE,
    "success": Phase.DONE,
    "up": Phase.DONE,
    "fail": Phase.FAILED,
    "failed": Phase.FAILED,
    "failure": Phase.FAILED,
    "error": Phase.FAILED,
    "down": Phase.FAILED,
}
"""The words for a phase. An exit code is accepted too."""
_NUMBER = re.compile(r"[-+]?(?:0x[0-9a-f]+|[0-9]+(?:\.[0-9]+)?)")


def parse_phase(word: str, field: str) -> Phase:
    """Return the phase that `word` means: any number but 0 is a failure. Raises BadInput that names
    `field`."""
    word = word.strip().lower()
    if _NUMBER.fullmatch(word):
        return Phase.FAILED if word.strip("+-0.x") else Phase.DONE
    if word not in PHASES:
        raise BadInput(field, f"must be one of {', '.join(PHASES)}, or an exit code")
    return PHASES[word]


@dataclass(frozen=True, slots=True)
class CheckInPing:
    """A ping of the check-in `name`, at `at` in Unix seconds, with the text that was sent
    along."""

    name: str
    phase: Phase
    at: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class PushedAlert:
    """An alert that other monitoring decided on, as it is now.

    Moments are in Unix seconds. While it is `firing`, `ends` says when it is over unless it is
    pushed again (None: not said); afterwards, when it ended. `sender` is the name of the token that
    it came with; `labels` are spelled as `Labels.of` takes them. `url` is where it can be looked
    at, `links` are other addresses by what they lead to.
    """

    labels: Mapping[str, str]
    firing: bool
    at: float
    sender: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts: float | None = None
    ends: float | None = None
    url: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A CloudEvent 1.0. `data` is JSON, or bytes where it is neither JSON nor text; `extensions`
    are the attributes that the standard does not know. `time` is in Unix seconds."""

    id: str
    source: str
    type: str
    sender: str
    time: float | None = None
    subject: str = ""
    data: JsonValue | bytes = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SenderTokens:
    """The tokens that are accepted: of each check-in by its name, and of each sender of alerts and
    events by its name."""

    checkins: Mapping[str, str] = field(default_factory=dict, repr=False)
    senders: Mapping[str, str] = field(default_factory=dict, repr=False)


Received = CheckInPing | PushedAlert | CloudEvent
"""What others send."""


class AlertSink(Protocol):
    """Takes what others send, in two steps: whoever must wait before it is stored, because the
    database is away, still says when it came."""

    @property
    def tokens(self) -> SenderTokens:
        """Who may send what; another object when that changes."""

    def observations(self, received: Sequence[Received]) -> list[Observation]:
        """Return what these say was observed, at this moment. Raises BadInput if one of them is of
        a check-in that is not in the settings."""

    async def store(self, observations: Sequence[Observation]) -> None:
        """Return once these are stored, so that no end of a process loses them: only then the
        sender is answered. Raises a BatonError if they cannot be stored for the moment: the sender
        is told to send all of it again."""
