"""The protocol of the subjects of posts: a source knows which of its subjects have changed, and
what the posts of each must show, and is notified once they show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.content import Post
from bot.jobs import Subject
from bot.store import PostRow

Render = Callable[[], Awaitable[Sequence[Post]]]


@dataclass(frozen=True, slots=True)
class Desired:
    """What the posts about `subject` must show, as the database has it now.

    `render` makes the posts, parents before their threads. `revisions` are those of the rows that
    it was read from, by key. `awaited`: the source is notified once the posts show this.
    `finished`: its posts do not change any more then. `under` is the subject under whose
    post these are shown, if they have none of their own in the channel.
    """

    subject: Subject
    revisions: Mapping[str, int]
    render: Render = field(repr=False)
    awaited: bool = True
    finished: bool = True
    under: str = ""

    @property
    def revision(self) -> int:
        """A number that grows with each change of the subject."""
        return sum(self.revisions.values())


class PostSource(Protocol):
    """A kind of subject that has posts. Every coroutine may raise DatabaseUnavailable."""

    async def unreported(self) -> Mapping[str, int]:
        """Return the subjects whose posts may not show yet what they must, each with its
        revision."""

    async def read(self, subjects: Sequence[str]) -> Sequence[Desired]:
        """Return what each of these must show now. A subject that is missing in the answer does not
        belong to this source, or has nothing to be shown any more."""

    async def mark_reported(self, shown: Sequence[Desired]) -> Collection[str]:
        """Record that the posts show these, all of which were awaited. Return the subjects that are
        finished: their posts do not change any more."""

    def looks_different(self) -> bool:
        """Return whether all subjects may look different from before, though none has changed."""
        return False

    def reset(self) -> None:
        """Forget what is kept between two calls: another bot leads from now on."""
        return


class PostSink(Protocol):
    """Where posts are shown: the queue of a front end."""

    def submit(self, subject: Subject, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        """Have `posts` about `subject` shown as they are now; return whether they are already.
        `rows` are those of the posts that are in the database, by key."""

    def knows(self, subject: str) -> bool:
        """Return whether the posts of `subject` are known here, so that `submit` needs no rows."""

    def discard(self, subject: str) -> None:
        """Forget the posts of `subject`: nothing more will be submitted."""
