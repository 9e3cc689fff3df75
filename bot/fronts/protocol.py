"""The protocol of front ends: what the bot needs of a chat. Slack and the terminal keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.content import Post
from bot.jobs import Place


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast a front end may be used. Posts: to one channel; edits: in all channels together."""

    post_every: float
    post_burst: int
    edits_per_minute: int
    edit_every: float
    """Seconds between two edits of one post, so that a busy job does not eat the budget."""
    hold_new_posts: bool = False
    """Whether new posts are held back for their end (see Post), because edits are dear."""
    files: bool = False
    """Whether a thread can have files."""


class Front(Protocol):
    """A chat that posts can be shown in. Every method may raise the errors of bot.fronts.errors,
    and no others."""

    name: str
    limits: Limits

    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        """Show `post` in `place`, under the message `thread` if one is named; returns the
        message's ref."""

    async def edit(self, place: Place, ref: str, post: Post) -> None:
        """Make the message `ref` show `post`."""

    async def pin(self, place: Place, ref: str) -> None:
        """Keep the message `ref` in sight; it may be so already."""

    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        """The ref of the message that was posted under `key`, or brought the file of that name,
        after `since` (Unix seconds), if there is one."""

    async def upload_file(self, place: Place, thread: str, name: str, text: str) -> None:
        """Give people `text` whole, as a file called `name`."""

    async def send_ephemeral(self, place: Place, person: str, text: str) -> None:
        """Tell `person` alone, by whatever way is open, even where `place` takes no posts."""
