"""Replay: what was recorded once, decided again with other settings. Which messages would
differ?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from alerts.changes import dump, load
from alerts.engine import Engine
from alerts.notify.notification import Notification
from alerts.observation import CheckIn, HeartbeatSeen, LivenessSeen, Observation, Sample
from alerts.settings import AlertSettings
from baton.errors import UsageError


@dataclass(frozen=True, slots=True)
class LinkChange:
    """Our link `what` was lost (`sees` is false) or restored."""

    what: str
    sees: bool
    at: float


@dataclass(frozen=True, slots=True)
class Gap:
    """No bot was watching from the observation before until `at`."""

    at: float


Recorded = Observation | LinkChange | Gap

_SEEN: Mapping[str, type[Observation]] = {
    "sample": Sample,
    "beat": HeartbeatSeen,
    "sign": LivenessSeen,
    "checkin": CheckIn,
}
_KINDS: Mapping[str, type[Recorded]] = {**_SEEN, "sight": LinkChange, "gap": Gap}
_UNWATCHED = "the bot, which was not running"
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ReplayedMessage:
    """A message that would have disturbed people, and when (steady seconds)."""

    at: float
    notification: Notification

    @property
    def line(self) -> str:
        """It in one line: channel, state, and text."""
        content = self.notification.content
        mention = f" {content.mention}" if content.mention else ""
        return f"{self.notification.channel}: {content.state}: {content.title}{mention}"


@dataclass(frozen=True, slots=True)
class Difference:
    """The messages of the old settings alone, those of the new ones alone, and the number of those
    that both send."""

    gone: tuple[ReplayedMessage, ...]
    new: tuple[ReplayedMessage, ...]
    same: int


def replay(
    settings: AlertSettings, recorded: Sequence[Recorded], after: float = 3600.0
) -> list[ReplayedMessage]:
    """Return the messages that `recorded`, which is in the order of time, would have made, up to
    `after` seconds past its end.

    A check-in that the settings do not define is ignored, and none is expected that is not in the
    recording. What people did meanwhile, such as a silence, is not in it either.
    """
    engine = Engine(settings)
    messages: list[ReplayedMessage] = []
    known: set[str] = set()
    names = {table.name for table in settings.checkin}
    now = recorded[0].at if recorded else 0.0
    for seen in recorded:
        if isinstance(seen, Gap):
            engine.link_lost(_UNWATCHED, now)
            engine.link_restored(_UNWATCHED, seen.at)
            now = seen.at
            continue
        messages += _passed(engine, now, seen.at, known)
        now = seen.at
        if isinstance(seen, LinkChange):
            (engine.link_restored if seen.sees else engine.link_lost)(seen.what, seen.at)
        elif not isinstance(seen, CheckIn) or seen.name in names:
            engine.observe(seen)
    return messages + _passed(engine, now, now + after, known)


def compare(
    old: AlertSettings,
    new: AlertSettings,
    recorded: Sequence[Recorded],
    *,
    within: float = 60.0,
    after: float = 3600.0,
) -> Difference:
    """Return which messages would differ, up to `after` seconds past the end. Two messages with the
    same text, at most `within` seconds apart, are the same."""
    before, now = replay(old, recorded, after), replay(new, recorded, after)
    left = list(now)
    gone = []
    for message in before:
        same = (
            other
            for other in left
            if other.line == message.line and abs(other.at - message.at) <= within
        )
        found = next(same, None)
        if found is None:
            gone.append(message)
        else:
            left.remove(found)
    return Difference(tuple(gone), tuple(left), len(before) - len(gone))


def dump_lines(recorded: Iterable[Recorded]) -> Iterator[str]:
    """Return a line of JSON for each."""
    names = {kind: name for name, kind in _KINDS.items()}
    for seen in recorded:
        yield json.dumps({"kind": names[type(seen)], **dump(seen)}, separators=(",", ":"))


def load_lines(lines: Iterable[str]) -> list[Observation]:
    """Return the observations that `dump_lines` wrote, in the order of time. Raises UsageError that
    names the line."""
    recorded, problems = parse_lines(lines)
    if problems:
        raise UsageError(problems[0])
    return recorded


def parse_lines(lines: Iterable[str]) -> tuple[list[Observation], list[str]]:
    """Return the observations in the lines that can be read, in the order of time, and what is
    wrong with each of the other lines."""
    recorded: list[Observation] = []
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            recorded.append(_parsed(line, _SEEN))
        except _UNREADABLE as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            problems.append(f"Line {number} is not a recorded observation: {reason}.")
    return sorted(recorded, key=lambda seen: seen.at), problems


def salvage_lines(lines: Iterable[str]) -> tuple[list[Recorded], int]:
    """Return what a recording contains, in the order of time, and how many of its lines cannot be
    read: its writer may have been killed in the middle of one."""
    recorded: list[Recorded] = []
    torn = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            recorded.append(_parsed(line, _KINDS))
        except _UNREADABLE:
            torn += 1
    return sorted(recorded, key=lambda seen: seen.at), torn


_UNREADABLE = (ValueError, KeyError, AttributeError, TypeError)


def _parsed(line: str, kinds: Mapping[str, type[R]]) -> R:
    data: dict[str, Any] = json.loads(line)
    return load(kinds[data.pop("kind")], data)


def _passed(engine: Engine, now: float, until: float, known: set[str]) -> list[ReplayedMessage]:
    """Return the messages from `now` up to `until`."""
    messages = []
    while (wake := engine.wake_at()) <= until:
        now = max(now, wake)
        for key, notification in engine.tick(now).notifications.items():
            if key not in known and notification.is_message:
                messages.append(ReplayedMessage(now, notification))
            known.add(key)
    return messages
