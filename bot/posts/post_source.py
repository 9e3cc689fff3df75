"""What posts are about. A source knows which of its subjects have news, what the posts of each must
show now, and is told once they show it."""

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
    it was read from, by key. `awaited`: the source is to be told once the posts show this.
    `finished`: nothing more will be wanted of the subject then. `under` is the subject under whose
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
        """Grows with each change of the subject."""
        return sum(self.revisions.values())


class PostSource(Protocol):
    """A kind of subject that has posts. Every coroutine may raise DatabaseUnavailable."""

    async def unreported(self) -> Mapping[str, int]:
        """The subjects whose posts may not show yet what they must, and the revision of each."""

    async def read(self, subjects: Sequence[str]) -> Sequence[Desired]:
        """What each of these must show now. One that is missing in the answer is not of this
        source, or nothing is to be shown of it any more."""

    async def mark_reported(self, shown: Sequence[Desired]) -> Collection[str]:
        """Note that posts show these, all of which were awaited; the subjects of which nothing more
        will be wanted."""

    def looks_different(self) -> bool:
        """Whether all subjects may look different from before, though none of them has changed."""
        return False

    def reset(self) -> None:
        """Another bot shows the posts from now on."""
        return


class PostSink(Protocol):
    """Where posts are shown: the queue of a front end. A place that draws what it shows at the
    moment when it is read needs no posts: all of it counts as shown."""

    def submit(self, subject: Subject, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        """Have `posts` about `subject` shown, as they are now; whether they are already. `rows` is
        what the database knows of them."""

    def knows(self, subject: str) -> bool:
        """Whether `rows` are not needed for the posts of `subject`."""

    def discard(self, subject: str) -> None:
        """Nothing more will be wanted of `subject`."""
