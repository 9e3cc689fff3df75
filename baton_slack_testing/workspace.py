"""The workspace: channels, messages, people, groups and files, as Slack keeps them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from baton_slack_testing.changes import Changes
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.plain import plain

TEAM = "T_BATON"
APP = "A_BATON"
BOT = "B_BATON"
BOT_USER = "U_BATON"
LONG_TEXT = 4_000


@dataclass(slots=True, eq=False)
class Message:
    """One message; `edits` counts its changes, `long` flags a text over 4,000 characters."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Json | None = None
    bot: bool = False
    broadcast: bool = False
    long: bool = False
    edits: int = 0
    files: list[File] = field(default_factory=list)
    replies: list[Message] = field(default_factory=list)
    tombstone: bool = False
    pinned: bool = False

    @property
    def plain(self) -> str:
        """Everything readable, blocks flattened."""
        return plain(self.text, self.blocks)

    @property
    def top(self) -> bool:
        """Shown in the channel itself, not only in a thread."""
        return self.thread_ts is None or self.broadcast

    def raw(self, *, metadata: bool = False) -> Json:
        """The message as the Web API shows it."""
        raw: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text}
        if self.tombstone:
            raw["subtype"] = "tombstone"
        if self.bot:
            raw |= {"bot_id": BOT, "app_id": APP, "team": TEAM}
        if self.blocks:
            raw["blocks"] = self.blocks
        if self.edits and not self.blocks:
            raw["edited"] = {"user": self.user, "ts": self.ts}
        if self.files:
            raw["files"] = [file.raw() for file in self.files]
        if self.metadata is not None and metadata:
            raw["metadata"] = self.metadata
        if self.replies:
            raw |= {"thread_ts": self.ts, "reply_count": len(self.replies)}
            raw["latest_reply"] = self.replies[-1].ts
        elif self.thread_ts is not None:
            raw["thread_ts"] = self.thread_ts
        if self.broadcast:
            raw["subtype"] = "thread_broadcast"
        return raw


@dataclass(slots=True, eq=False)
class File:
    """An uploaded file; `shared` names the channel once it was completed there."""

    id: str
    name: str
    length: int
    content: bytes | None = None
    title: str = ""
    shared: str | None = None
    thread_ts: str | None = None

    def raw(self) -> Json:
        """The file as the Web API shows it."""
        return {"id": self.id, "name": self.name, "title": self.title, "size": self.length}


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """Words that only one person sees."""

    channel: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str | None = None
    ts: str = ""

    @property
    def plain(self) -> str:
        """Everything readable, blocks flattened."""
        return plain(self.text, self.blocks)


@dataclass(slots=True, eq=False)
class User:
    """A member of the workspace."""

    id: str
    name: str
    tz: str = "Etc/UTC"
    tz_offset: int = 0
    is_bot: bool = False
    deleted: bool = False
    """They are no longer a member; Slack shows them all the same, without a time zone."""
    team: str = TEAM
    """Of another organisation, if it is not ours: they are here through Slack Connect."""
    enterprise: str = ""
    guest: str = ""
    """`multi`: a guest of several channels; `single`: of one."""
    stranger: bool = False

    def raw(self) -> Json:
        """The user as the Web API shows them."""
        flags: Json
        zone: Json = {"tz": self.tz, "tz_label": self.tz, "tz_offset": self.tz_offset}
        profile = {"real_name": self.name, "display_name": self.name}
        names = {"name": self.name, "real_name": self.name, "profile": profile}
        flags = {"is_bot": self.is_bot, "deleted": self.deleted, "is_admin": False}
        if self.deleted:
            zone = {}
        if self.team == TEAM:
            flags |= {"is_restricted": bool(self.guest)}
            flags |= {"is_ultra_restricted": self.guest == "single"}
        else:
            flags = {"is_bot": self.is_bot, "deleted": self.deleted, "is_stranger": self.stranger}
        if self.enterprise:
            flags["enterprise_user"] = {"enterprise_id": self.enterprise, "teams": [self.team]}
        return {"id": self.id, "team_id": self.team, **names, **zone, **flags}


@dataclass(slots=True, eq=False)
class Group:
    """A user group."""

    id: str
    handle: str
    users: list[str]
    disabled: bool = False

    def raw(self) -> Json:
        """The group as the Web API shows it."""
        names = {"name": self.handle, "handle": self.handle}
        deleted = {"date_delete": int(self.disabled), "user_count": len(self.users)}
        return {"id": self.id, "team_id": TEAM, "is_usergroup": True, **names, **deleted}


@dataclass(slots=True, eq=False)
class Channel:
    """A conversation, with every message in it by its ts, oldest first."""

    id: str
    name: str
    kind: str = "public_channel"
    has_bot: bool = True
    archived: bool = False
    outsiders: set[str] = field(default_factory=set)
    keep: int | None = None
    by_ts: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Ephemeral] = field(default_factory=list)

    @property
    def pinned(self) -> list[Message]:
        """What is kept in sight, oldest first."""
        return [each for each in self.by_ts.values() if each.pinned]

    @property
    def messages(self) -> list[Message]:
        """What the channel shows, in order: its messages, and broadcast replies."""
        return [message for message in self.by_ts.values() if message.top]

    def thread(self, ts: str) -> list[Message]:
        """The replies under a message, in order."""
        return self.by_ts[ts].replies

    def message(self, ts: str) -> Message:
        """One message; raises Refusal `message_not_found`."""
        message = self.by_ts.get(ts)
        if message is None or message.tombstone:
            raise Refusal("message_not_found")
        return message

    def root(self, thread_ts: str) -> Message:
        """What a reply goes under; raises Refusal if there is no such thread."""
        root = self.by_ts.get(thread_ts)
        if root is None:
            raise Refusal("thread_not_found")
        if root.thread_ts is not None:
            raise Refusal("cannot_reply_to_message")
        return root

    def add(self, message: Message) -> None:
        """Show a message; raises Refusal if it answers to nothing."""
        if message.thread_ts is not None:
            self.root(message.thread_ts).replies.append(message)
        self.by_ts[message.ts] = message
        while self.keep is not None and len(self.by_ts) > self.keep:
            del self.by_ts[next(iter(self.by_ts))]

    def remove(self, message: Message) -> None:
        """Delete a message; one with replies leaves a tombstone, as in Slack."""
        if message.replies:
            message.tombstone, message.text, message.blocks = True, "This message was deleted.", []
            message.metadata, message.pinned = None, False
            return
        self.by_ts.pop(message.ts, None)
        root = self.by_ts.get(message.thread_ts or "")
        if root is not None:
            root.replies.remove(message)

    def raw(self) -> Json:
        """The channel as the Web API shows it."""
        private = self.kind != "public_channel"
        kinds = {"is_channel": not private, "is_group": private, "is_im": self.kind == "im"}
        state = {"is_archived": self.archived, "is_member": self.has_bot, "is_private": private}
        return {"id": self.id, "name": self.name, **kinds, **state}


class Workspace:
    """Everything the team has, and the clock that stamps its messages."""

    def __init__(self, changes: Changes, bot_name: str, keep: int | None = None) -> None:
        self.changes = changes
        self.bot_name = bot_name
        self.keep = keep
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, User] = {BOT_USER: User(BOT_USER, bot_name, is_bot=True)}
        self.groups: dict[str, Group] = {}
        self.files: dict[str, File] = {}
        self.views: list[Json] = []
        self.behind = 0.0
        """Seconds by which this Slack's clock is behind that of the machine."""
        self._last_us = 0

    def time(self) -> float:
        """The Unix time by Slack's own clock."""
        return time.time() - self.behind

    def stamp(self) -> str:
        """A ts: seconds and microseconds, no two the same, in order."""
        self._last_us = max(self._last_us + 1, int(self.time() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def find(self, channel: str) -> Channel:
        """By id, by name, or a person's direct messages; raises Refusal `channel_not_found`."""
        found = self.channels.get(channel)
        if found is None and channel in self.users:
            direct = Channel("D" + channel[1:], self.users[channel].name, "im", keep=self.keep)
            found = self.channels.setdefault(direct.id, direct)
        if found is None:
            name = channel.removeprefix("#")
            found = next((each for each in self.channels.values() if each.name == name), None)
        # A private channel without the bot is not even there for it.
        if found is None or (found.kind == "private_channel" and not found.has_bot):
            raise Refusal("channel_not_found")
        return found

    def show(self, message: Message) -> Message:
        """Put a message where it belongs and tell those who wait."""
        self.channels[message.channel].add(message)
        self.changes.notify()
        return message

    def whisper(self, ephemeral: Ephemeral) -> None:
        """Show one person something."""
        shown = self.channels[ephemeral.channel].ephemerals
        shown.append(ephemeral)
        if self.keep is not None and len(shown) > self.keep:
            del shown[: -self.keep]
        self.changes.notify()

    def transcript(self, channels: Iterable[Channel] | None = None) -> str:
        """All channels as they read, for a failed test."""
        lines: list[str] = []
        for channel in channels or self.channels.values():
            lines.append(f"#{channel.name} ({channel.id})")
            for message in list(channel.by_ts.values())[-40:]:
                mark = "    > " if message.thread_ts else "  "
                body = message.plain.replace("\n", "\n" + " " * len(mark))
                lines.append(f"{mark}{message.user}: {body}")
            lines += [f"  (to {each.user}) {each.plain}" for each in channel.ephemerals[-10:]]
        return "\n".join(lines)
