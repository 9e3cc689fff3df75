"""The protocol of front ends: what the bot needs of a chat. Slack and the terminal implement it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.content import Post
from bot.jobs import Place


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast a front end may be used: in each channel a new post every `post_every` seconds, and
    `post_burst` at once; edits in all channels together."""

    post_every: float
    post_burst: int
    edits_per_minute: int
    edit_every: float
    """Seconds between two edits of one post, so that a busy job does not use up all edits."""
    hold_new_posts: bool = False
    """Whether new posts wait for their end for a moment (see Post), because edits are few."""
    files: bool = False
    """Whether files can be uploaded to a thread."""


class Front(Protocol):
    """A chat that can show posts. Every method may raise the errors of bot.fronts.errors, and no
    others."""

    name: str
    limits: Limits

    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        """Post a message that shows `post` in `place`, in the thread of the message `thread` if one
        is given; return the message's ref, which is the chat's own name of it."""

    async def edit(self, place: Place, ref: str, post: Post) -> None:
        """Edit the message `ref` so that it shows `post`."""

    async def pin(self, place: Place, ref: str) -> None:
        """Pin the message `ref`, unless it is pinned already."""

    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        """Return the ref of the message that was posted under `key`, or with the file of that name,
        after `since` (Unix seconds); None if there is none."""

    async def upload_file(self, place: Place, thread: str, name: str, text: str) -> None:
        """Upload `text` as a file called `name`."""

    async def send_ephemeral(self, place: Place, person: str, text: str) -> None:
        """Send `text` to `person` alone, in whatever way is possible, even if `place` takes no
        posts."""
