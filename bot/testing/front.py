"""A chat in memory that keeps each message as people read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override

from alerts import AlertContent
from bot.content import FileContent, FleetContent, JobContent, NoticeContent, OutputContent, Post
from bot.fronts.protocol import Front, Limits
from bot.jobs import Place

PLACE = Place("chat", "#ops", name="ops")
LIMITS = Limits(post_every=0.001, post_burst=1000, edits_per_minute=60_000, edit_every=0.0)


@dataclass(slots=True)
class Message:
    """A message shows `post`, in the thread of the message `thread` if that is not empty."""

    post: Post
    thread: str

    @property
    def key(self) -> str:
        """Return the key of its post."""
        return self.post.key


class MemoryFront(Front):
    """A chat with one channel. `private` is what single people read."""

    name = PLACE.front
    limits = LIMITS

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.private: list[str] = []

    def thread(self, key: str) -> list[str]:
        """Return the text of the message of the post `key`, and of those in its thread."""
        return [
            text_of(message.post)
            for message in self.messages.values()
            if key in (message.key, self._key(message.thread))
        ]

    def channel(self) -> list[str]:
        """Return the texts of the messages outside of threads, or broadcast from one."""
        return [
            text_of(message.post)
            for message in self.messages.values()
            if not message.thread or message.post.broadcast
        ]

    @override
    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        """Keep a message. Its ref is its number."""
        ref = str(len(self.messages) + 1)
        self.messages[ref] = Message(post, thread)
        return ref

    @override
    async def edit(self, place: Place, ref: str, post: Post) -> None:
        """Keep the new content of a message."""
        self.messages[ref].post = post

    @override
    async def pin(self, place: Place, ref: str) -> None:
        """Do nothing: whoever reads the channel sees all of it."""

    @override
    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        """Return the message of that key."""
        return next((ref for ref, one in self.messages.items() if one.key == key), None)

    @override
    async def upload_file(self, place: Place, thread: str, name: str, text: str) -> None:
        """Do nothing: this chat takes no files, and says so in its limits."""

    @override
    async def send_ephemeral(self, place: Place, person: str, text: str) -> None:
        """Keep what one person alone reads."""
        self.private.append(text)

    def _key(self, ref: str) -> str:
        return self.messages[ref].key if ref in self.messages else ""


def text_of(post: Post) -> str:
    """Return what people read of a post, as lines."""
    return "\n".join(line for line in _lines(post) if line)


def _lines(post: Post) -> Iterable[str]:
    match post.content:
        case JobContent() as job:
            yield f"{job.title} ({job.asked_by}): {job.summary}"
            for row in job.rows:
                yield f"{row.host}: {row.state.value} {row.text}".rstrip()
            yield from job.lines
            yield job.hint
        case OutputContent() as output:
            yield f"{output.host}: {output.headline}"
            yield output.text
        case FleetContent() as fleet:
            yield fleet.summary
            for group in fleet.groups:
                yield f"{group.headline}: {group.servers}"
                yield group.text
            yield fleet.rest
        case NoticeContent() as notice:
            yield notice.text
        case FileContent() as file:
            yield file.name
        case AlertContent() as alert:
            yield f"{alert.state}: {alert.title}"
            for what, state, text in alert.rows:
                yield f"{what} {state}: {text}"
            yield from alert.lines
