"""A queue of posts between a chat and a database, either of which can fail."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import bot.posts.next_post
import bot.posts.queue
import bot.posts.sender
from baton.bus.messages import State, now
from bot.content import FileContent, NoticeContent, Post
from bot.jobs import Job
from bot.posts.queue import PostQueue
from bot.store import PostRow, Store
from bot.store.errors import DatabaseUnavailable
from bot.store.post_store import PostStore
from tests.bot.build import job as job_of
from tests.bot.fake_front import FakeFront
from tests.support.wait import until

numbers = itertools.count(1)
METHODS = ("claim", "mark_shown", "mark_waiting", "mark_deleted", "mark_given_up")


class FlakyPosts:
    """The posts of a store; while `away` is not empty each call takes one: does it fail before it
    is done, or after?"""

    def __init__(self, posts: PostStore) -> None:
        self._posts = posts
        self.away: list[str] = []
        self.slow: Callable[[], Any] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._posts, name)
        if name not in METHODS:
            return method

        async def call(*args: Any) -> Any:
            when = self.away.pop(0) if self.away else ""
            if when == "before":
                raise DatabaseUnavailable(url="db", reason="it is away")
            found = await method(*args)
            if self.slow is not None:
                await self.slow()
            if when == "after":
                raise DatabaseUnavailable(url="db", reason="it went away")
            return found

        return call


class Harness:
    """A chat, a database and the queue between them, which can be killed and started again."""

    def __init__(self, store: Store, front: FakeFront | None = None, claim: float = 0.3) -> None:
        self.front = front or FakeFront()
        self.store = store
        self.posts = FlakyPosts(store.posts)
        self.claim = claim
        self.job = job_of(id=f"job{next(numbers)}", asked=now())
        self.settled: list[str] = []
        self.queue = self.start()

    def start(self) -> PostQueue:
        posts: Any = self.posts

        async def whole(file: FileContent) -> str:
            return f"all of {file.job}"

        self.queue = PostQueue(
            self.front,
            posts,
            self.settled.append,
            file_text=whole,
            claim=self.claim,
            settle_time=0.005,
        )
        return self.queue

    async def kill(self) -> None:
        """End the queue where it stands."""
        workers = list(self.queue._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def submit(self, *posts: Post, job: Job | None = None) -> bool:
        job = job or self.job
        rows: dict[str, PostRow] = {}
        if not self.queue.knows(job.id):
            rows = {row.key: row for row in await self.store.posts.of_job(job.id)}
        return self.queue.submit(job.subject, posts, rows)

    async def shown(self, *posts: Post, job: Job | None = None) -> None:
        """Return once `posts` are shown."""

        async def all_shown() -> bool:
            return await self.submit(*posts, job=job)

        await until(all_shown, every=0.002)

    def post(self, name: str = "", text: str = "now", *, closing: bool = False) -> Post:
        """The job's own post, or one called `name` in its thread."""
        key, parent = self.job.id, ""
        if name:
            key, parent = f"{key}/{name}", key
        return Post(key, NoticeContent(text, State.RUNNING), parent=parent, closing=closing)

    def equal_to(self, *posts: Post) -> None:
        """Each of `posts` is there once, as it is wanted, and in its thread."""
        assert sorted(message.key for message in self.front.shown) == sorted(
            post.key for post in posts
        )
        for post in posts:
            message = self.front.one(post.key)
            assert message.content == post.content
            if post.parent:
                above = self.front.messages[message.thread]
                assert above.key == post.parent


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.posts.sender, "BACKOFF", 0.001)
    monkeypatch.setattr(bot.posts.sender, "MAX_BACKOFF", 0.004)
    monkeypatch.setattr(bot.posts.queue, "CLOSE_TIMEOUT", 0.2)
    monkeypatch.setattr(bot.posts.next_post, "EDIT_RESERVE", 0.001)


@pytest.fixture
async def harness(store: Store) -> AsyncIterator[Harness]:
    made = Harness(store)
    yield made
    await made.kill()
