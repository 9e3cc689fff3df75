"""A strict chat in memory: it keeps bot.fronts.protocol.Front, remembers every call, and
fails as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from bot.content import Content, Post
from bot.fronts.errors import MessageDeleted, Throttled, Uncertain, Unpostable, Unreachable
from bot.fronts.protocol import Limits
from bot.jobs import Place

QUICK = Limits(post_every=0.001, post_burst=100, edits_per_minute=60_000, edit_every=0.0)
SLACK = Limits(post_every=1.0, post_burst=3, edits_per_minute=50, edit_every=2.0)


class Crash(BaseException):
    """The process ends here, as by kill -9: nothing of ours may catch it."""


class Fault(Enum):
    """What becomes of a call."""

    THROTTLED = auto()
    LOST = auto()
    """It is done, and the answer is lost."""
    DROPPED = auto()
    """It is not done, and there is no answer."""
    UNREACHABLE = auto()
    UNPOSTABLE = auto()
    BROKEN = auto()
    """An error that no front end may raise."""
    CRASH = auto()
    """It is done, and we die before we know."""


@dataclass(slots=True)
class Message:
    """A message in the chat."""

    ref: str
    key: str
    channel: str
    thread: str
    content: Content
    broadcast: bool
    edits: int = 0
    pinned: bool = False


class FakeFront:
    """A chat. `faults` are used up, one a call; who is throttled is to wait for `pause` seconds;
    `gate`, while it is closed, holds the calls that `held` names."""

    def __init__(self, name: str = "slack", limits: Limits = QUICK) -> None:
        self.name = name
        self.limits = limits
        self.messages: dict[str, Message] = {}
        self.deleted: set[str] = set()
        self.calls: list[str] = []
        self.whispers: list[tuple[str, str]] = []
        self.files: dict[str, str] = {}
        self.faults: deque[Fault | None] = deque()
        self.pause = 0.01
        self.unpostable = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = {"post", "edit", "find", "send_ephemeral"}
        self._count = 0

    @property
    def shown(self) -> list[Message]:
        """The messages that people see, in the order in which they came."""
        return [message for ref, message in self.messages.items() if ref not in self.deleted]

    def one(self, key: str) -> Message:
        """The one message of that key."""
        found = [message for message in self.shown if message.key == key]
        assert len(found) == 1, f"{len(found)} messages of {key}"
        return found[0]

    def delete(self, key: str) -> None:
        """Somebody deletes a message."""
        self.deleted |= {message.ref for message in self.shown if message.key == key}

    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        fault = await self._called("post")
        if self.unpostable:
            raise Unpostable(front=self.name, reason="the bot is not here", remedy="Invite it.")
        if thread:
            above = self.messages.get(thread)
            if above is not None:
                assert not above.thread, "there are no threads in threads"
            if thread in self.deleted or above is None:
                raise MessageDeleted(front=self.name)
        if fault is Fault.DROPPED:
            raise Uncertain(front=self.name, reason="no answer")
        self._count += 1
        ref = f"ts-{self._count}"
        self.messages[ref] = Message(
            ref, post.key, place.channel, thread, post.content, post.broadcast
        )
        self._afterwards(fault)
        return ref

    async def edit(self, place: Place, ref: str, post: Post) -> None:
        fault = await self._called("edit")
        if ref in self.deleted or ref not in self.messages:
            raise MessageDeleted(front=self.name)
        message = self.messages[ref]
        assert (message.key, message.channel) == (post.key, place.channel)
        if fault is Fault.DROPPED:
            raise Uncertain(front=self.name, reason="no answer")
        message.content = post.content
        message.edits += 1
        self._afterwards(fault)

    async def pin(self, place: Place, ref: str) -> None:
        fault = await self._called("pin")
        if ref in self.deleted or ref not in self.messages:
            raise MessageDeleted(front=self.name)
        if fault is Fault.DROPPED:
            raise Uncertain(front=self.name, reason="no answer")
        self.messages[ref].pinned = True
        self._afterwards(fault)

    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        fault = await self._called("find")
        if fault in (Fault.LOST, Fault.DROPPED):
            raise Unreachable(front=self.name, reason="no answer")
        if fault is Fault.CRASH:
            raise Crash
        for message in self.shown:
            if (message.key, message.channel) == (key, place.channel):
                return message.ref
        return key if key in self.files else None

    async def upload_file(self, place: Place, thread: str, name: str, text: str) -> None:
        fault = await self._called("upload_file")
        assert thread in self.messages, "a file belongs into a thread"
        if fault is Fault.DROPPED:
            raise Uncertain(front=self.name, reason="no answer")
        assert name not in self.files, "handed over twice"
        self.files[name] = text
        self._afterwards(fault)

    async def send_ephemeral(self, place: Place, person: str, text: str) -> None:
        fault = await self._called("send_ephemeral")
        if fault is Fault.DROPPED:
            raise Uncertain(front=self.name, reason="no answer")
        self.whispers.append((person, text))
        self._afterwards(fault)

    async def _called(self, name: str) -> Fault | None:
        self.calls.append(name)
        await asyncio.sleep(0)
        if name in self.held:
            await self.gate.wait()
        fault = self.faults.popleft() if self.faults else None
        if fault is Fault.THROTTLED:
            raise Throttled(self.name, self.pause)
        if fault is Fault.UNREACHABLE:
            raise Unreachable(front=self.name, reason="no route")
        if fault is Fault.UNPOSTABLE:
            raise Unpostable(front=self.name, reason="it is archived", remedy="Ask elsewhere.")
        if fault is Fault.BROKEN:
            raise RuntimeError("a front end's own mistake")
        return fault

    def _afterwards(self, fault: Fault | None) -> None:
        if fault is Fault.LOST:
            raise Uncertain(front=self.name, reason="the answer was lost")
        if fault is Fault.CRASH:
            raise Crash
