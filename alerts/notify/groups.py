"""Alert groups: the alerts that share a post.

Source: Alertmanager's aggregation groups. A group is notified `wait` seconds after its first alert;
later alerts are notified with the next flush, `interval` seconds after the last one; what still
fires is repeated after `repeat` seconds. What resolves before it was notified never is. Beyond
Alertmanager, the post of a group is edited at once whenever something in it changes, because edits
disturb nobody; only messages wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from alerts.episodes import Episode
from alerts.labels import Labels
from alerts.mute.muting import Muted

MAX_ENDED, MAX_HISTORY = 20, 30


@dataclass(slots=True)
class GroupMember:
    """An alert in a group. `home` is the key of the group of its route, which is another one in a
    storm; `notified` is the last state that people were notified of, and `rank` its severity then;
    `shown`: it was visible in the post at least once."""

    fingerprint: str
    home: str
    mention: str = ""
    notified: Annotated[str, Field(alias="said")] = ""
    rank: int = 0
    shown: bool = False


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as it is stored; one row for each key, the last group that had it."""

    key: str
    number: int
    channel: str
    labels: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    interval: float = 0.0
    repeat: float = 0.0
    storm: bool = False
    opened: float = 0.0
    flush_at: float | None = None
    flushed: float = 0.0
    last_message: float = 0.0
    messages: int = 0
    posted: bool = False
    mention: str = ""
    members: tuple[GroupMember, ...] = ()
    ended: tuple[Episode, ...] = ()
    ended_more: int = 0
    history: tuple[tuple[float, str], ...] = ()
    history_more: int = 0
    closed: bool = False


@dataclass(slots=True)
class AlertGroup:
    """An open group. `key` and `number` name its post; times are steady seconds."""

    key: str
    number: int
    channel: str
    labels: Labels
    wait: float
    interval: float
    repeat: float
    opened: float
    storm: bool = False
    flush_at: float = math.inf
    flushed: float = 0.0
    last_message: float = 0.0
    messages: int = 0
    posted: bool = False
    mention: str = ""
    members: dict[str, GroupMember] = field(default_factory=dict)
    ended: list[Episode] = field(default_factory=list)
    ended_more: int = 0
    history: list[tuple[float, str]] = field(default_factory=list)
    history_more: int = 0

    @property
    def id(self) -> str:
        """The name of this group and of its post, for ever."""
        return f"{self.key}/{self.number}"

    @property
    def shown(self) -> float:
        """When its post was last sent: times on that day need no date beside them."""
        return self.flushed if self.posted else self.opened

    def set_back(self, now: float) -> None:
        """Nothing happened later than `now`: the clock may have been set back."""
        ahead = max(self.opened, self.flushed, self.last_message) - now
        if ahead > 0:
            self.flush_at -= ahead
            self.opened = min(self.opened, now)
            self.flushed = min(self.flushed, now)
            self.last_message = min(self.last_message, now)

    def note(self, at: float, text: str) -> None:
        """Add a line to its history, of which only the last lines are kept."""
        self.history.append((at, text))
        if len(self.history) > MAX_HISTORY:
            del self.history[0]
            self.history_more += 1

    def leave(self, episode: Episode) -> None:
        """Remove a resolved member, which stays visible if it was."""
        member = self.members.pop(episode.fingerprint)
        if not (self.posted and member.shown):
            return
        self.ended.append(episode)
        if len(self.ended) > MAX_ENDED:
            del self.ended[0]
            self.ended_more += 1

    def news(
        self, episodes: Mapping[str, Episode], muted: Mapping[str, Muted]
    ) -> list[GroupMember]:
        """Return the members to notify: new, worse, flapping, or no longer flapping and down."""
        return [
            member
            for member in self.members.values()
            if member.fingerprint not in muted and is_news(member, episodes[member.fingerprint])
        ]

    def repeatable(self, episodes: Mapping[str, Episode], muted: Mapping[str, Muted]) -> list[str]:
        """Return the fingerprints of what still fires and nobody has acknowledged."""
        return [
            fingerprint
            for fingerprint in self.members
            if fingerprint not in muted and episodes[fingerprint].state == "firing"
        ]

    def row(self, closed: bool = False) -> GroupRow:
        """Return it as it is stored."""
        if closed:
            return GroupRow(self.key, self.number, self.channel, storm=self.storm, closed=True)
        return GroupRow(
            key=self.key,
            number=self.number,
            channel=self.channel,
            labels=self.labels.pairs,
            wait=self.wait,
            interval=self.interval,
            repeat=self.repeat,
            storm=self.storm,
            opened=self.opened,
            flush_at=None if self.flush_at == math.inf else self.flush_at,
            flushed=self.flushed,
            last_message=self.last_message,
            messages=self.messages,
            posted=self.posted,
            mention=self.mention,
            members=tuple(
                GroupMember(
                    one.fingerprint, one.home, one.mention, one.notified, one.rank, one.shown
                )
                for one in self.members.values()
            ),
            ended=tuple(self.ended),
            ended_more=self.ended_more,
            history=tuple(self.history),
            history_more=self.history_more,
        )

    @classmethod
    def of(cls, row: GroupRow) -> AlertGroup:
        """Return the group that was stored as `row`."""
        return cls(
            row.key,
            row.number,
            row.channel,
            Labels.of(row.labels),
            row.wait,
            row.interval,
            row.repeat,
            row.opened,
            row.storm,
            math.inf if row.flush_at is None else row.flush_at,
            row.flushed,
            row.last_message,
            row.messages,
            row.posted,
            row.mention,
            {
                one.fingerprint: GroupMember(
                    one.fingerprint, one.home, one.mention, one.notified, one.rank, one.shown
                )
                for one in row.members
            },
            list(row.ended),
            row.ended_more,
            [(at, text) for at, text in row.history],
            row.history_more,
        )


def is_news(member: GroupMember, episode: Episode) -> bool:
    """Whether the state differs from the last one that was notified. An acknowledgement is no
    news."""
    word = episode.state
    if word == "acknowledged":
        return False
    return word != member.notified or episode.severity.rank > member.rank
