"""The changes that the engine wants stored and shown, and the rows it is restored from. Values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter

from alerts.checks.check_state import CheckRow
from alerts.checks.visibility import VisibilityRow
from alerts.episodes import Episode
from alerts.mute.silences import Silence
from alerts.notify.groups import GroupRow
from alerts.notify.notification import Notification
from alerts.notify.rate_limit import ChannelRow

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a restart needs: all checks, the open episodes, the last group of every key, the
    silences that have not expired, the channels, and how well we see."""

    checks: tuple[CheckRow, ...] = ()
    episodes: tuple[Episode, ...] = ()
    groups: tuple[GroupRow, ...] = ()
    silences: tuple[Silence, ...] = ()
    channels: tuple[ChannelRow, ...] = ()
    visibility: VisibilityRow = field(default_factory=VisibilityRow)


@dataclass(slots=True)
class Changes:
    """The rows that changed, by their keys, and the notifications that must be shown for them.

    Store them whole, in one transaction, before any of the notifications is shown. If that fails,
    keep them and put later changes on top with `merged`.
    """

    checks: dict[str, CheckRow] = field(default_factory=dict)
    episodes: dict[tuple[str, int], Episode] = field(default_factory=dict)
    groups: dict[str, GroupRow] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    channels: dict[str, ChannelRow] = field(default_factory=dict)
    visibility: VisibilityRow | None = None
    notifications: dict[str, Notification] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(
            self.checks
            or self.episodes
            or self.groups
            or self.silences
            or self.channels
            or self.visibility
            or self.notifications
        )

    def merged(self, later: Changes) -> Changes:
        """Return both in one; of each row and notification the later one counts."""
        return Changes(
            self.checks | later.checks,
            self.episodes | later.episodes,
            self.groups | later.groups,
            self.silences | later.silences,
            self.channels | later.channels,
            later.visibility or self.visibility,
            self.notifications | later.notifications,
        )


def dump(row: object) -> dict[str, Any]:
    """Return a row or notification as JSON. A field whose Python name has changed is written under
    the name that rows and recordings of older versions have: its alias."""
    kind: type[Any] = type(row)
    found: dict[str, Any] = _adapter(kind).dump_python(row, mode="json", by_alias=True)
    return found


def load(kind: type[R], data: object) -> R:
    """Return the row or notification of this kind that `dump` made `data` of. Raises pydantic's
    ValidationError."""
    row: R = _adapter(kind).validate_python(data)
    return row


def applied(rows: Rows, changes: Iterable[Changes]) -> Rows:
    """Return the rows after `changes`, as a database has them."""
    checks = {row.fingerprint: row for row in rows.checks}
    episodes = {(one.fingerprint, one.number): one for one in rows.episodes}
    groups = {row.key: row for row in rows.groups}
    silences = {one.id: one for one in rows.silences}
    channels = {row.channel: row for row in rows.channels}
    visibility = rows.visibility
    for change in changes:
        checks |= change.checks
        episodes |= change.episodes
        groups |= change.groups
        silences |= change.silences
        channels |= change.channels
        visibility = change.visibility or visibility
    return Rows(
        tuple(checks.values()),
        tuple(episode for episode in episodes.values() if episode.firing),
        tuple(groups.values()),
        tuple(silences.values()),
        tuple(channels.values()),
        visibility,
    )


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
