"""The reconciler with sources of the test's own: it knows no kind of subject."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from typing_extensions import override

import bot.posts.reconciler
from baton.bus.messages import State
from bot.content import NoticeContent, Post
from bot.jobs import Place, Subject, console_place
from bot.posts.post_source import Desired, PostSink, PostSource
from bot.posts.reconciler import PostReconciler
from bot.store import PostRow, Store
from bot.store.errors import DatabaseUnavailable
from tests.support.wait import until

CONSOLE, OPS = console_place("slack"), Place("slack", "C_OPS")


class Notes(PostSource):
    """Notes that are to be shown, by id, each with its revision."""

    def __init__(self, place: Place = OPS, under: str = "") -> None:
        self.place, self.under = place, under
        self.revisions: dict[str, int] = {}
        self.reported: dict[str, int] = {}
        self.reads: list[str] = []
        self.faulty: set[str] = set()
        self.away = False
        self.turned_away = 0
        self.looks = False

    @override
    async def unreported(self) -> Mapping[str, int]:
        return {name: at for name, at in self.revisions.items() if self.reported.get(name, 0) < at}

    @override
    async def read(self, subjects: Sequence[str]) -> Sequence[Desired]:
        if self.away:
            self.turned_away += 1
            raise DatabaseUnavailable(url="db", reason="it is away")
        self.reads += subjects
        return [
            Desired(
                Subject(name, self.place, 0.0),
                {name: self.revisions[name]},
                partial(self._render, name),
                under=self.under,
            )
            for name in subjects
            if name in self.revisions
        ]

    @override
    async def mark_reported(self, shown: Sequence[Desired]) -> Collection[str]:
        for one in shown:
            self.reported[one.subject.id] = one.revision
        return [one.subject.id for one in shown]

    @override
    def looks_different(self) -> bool:
        return self.looks

    async def _render(self, name: str) -> tuple[Post, ...]:
        if name in self.faulty:
            raise ZeroDivisionError
        return (Post(name, NoticeContent(f"{self.revisions[name]}", State.SUCCEEDED)),)


class Chat(PostSink):
    """A chat that shows posts when it is told to."""

    def __init__(self) -> None:
        self.wanted: dict[str, list[Post]] = {}
        self.threads: dict[str, str] = {}
        self.shown: dict[str, list[Post]] = {}

    @override
    def submit(self, subject: Subject, posts: Iterable[Post], rows: Mapping[str, PostRow]) -> bool:
        self.wanted[subject.id], self.threads[subject.id] = list(posts), subject.place.thread
        return self.shown.get(subject.id) == self.wanted[subject.id]

    @override
    def knows(self, subject: str) -> bool:
        return subject in self.wanted

    @override
    def discard(self, subject: str) -> None:
        self.wanted.pop(subject, None)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.posts.reconciler, "INTERVAL", 0.001)
    monkeypatch.setattr(bot.posts.reconciler, "RETRY_DELAY", 0.001)


@asynccontextmanager
async def running(reconciler: PostReconciler) -> AsyncIterator[None]:
    task = asyncio.create_task(reconciler.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("under", ["", "day"])
async def test_what_is_asked_in_the_console_counts_as_shown(store: Store, under: str) -> None:
    """Its pages are drawn when they are read: what was asked there does not stay open for ever, nor
    does it wait for the post of a schedule's day, which never comes."""
    notes = Notes(CONSOLE, under)
    notes.revisions["a"] = 3
    async with running(PostReconciler([notes], store.posts, {})):
        await until(lambda: notes.reported == {"a": 3})


async def test_a_source_hears_what_is_shown_and_not_before(store: Store) -> None:
    """Each revision of it."""
    notes, chat = Notes(), Chat()
    notes.revisions["a"] = 1
    reconciler = PostReconciler([notes], store.posts, {"slack": chat})
    async with running(reconciler):
        await until(lambda: "a" in chat.wanted)
        assert notes.reported == {}
        chat.shown = dict(chat.wanted)
        reconciler.posts_up_to_date("a")
        await until(lambda: notes.reported == {"a": 1})
        assert not chat.knows("a")


async def test_each_subject_is_read_from_its_own_source(store: Store) -> None:
    """Once that is known the others are not asked for it."""
    jobs, days = Notes(), Notes()
    days.revisions["a"] = 1
    chat = Chat()
    reconciler = PostReconciler([jobs, days], store.posts, {"slack": chat})
    async with running(reconciler):
        await until(lambda: "a" in chat.wanted)
        asked = list(jobs.reads)
        days.revisions["a"] = 2
        reconciler.mark_dirty("a")
        await until(lambda: days.reads.count("a") >= 2)
        assert jobs.reads == asked


async def test_a_subject_that_cannot_be_shown_costs_the_others_nothing(store: Store) -> None:
    """It is left alone until it changes."""
    notes, chat = Notes(), Chat()
    notes.faulty.add("a")
    notes.revisions |= {"a": 1, "b": 1}
    reconciler = PostReconciler([notes], store.posts, {"slack": chat})
    async with running(reconciler):
        await until(lambda: "b" in chat.wanted)
        await reconciler.sync_revisions()
        assert not reconciler._dirty.keys() & {"a"}
        notes.faulty.clear()
        notes.revisions["a"] = 2
        await reconciler.sync_revisions()
        await until(lambda: "a" in chat.wanted)


async def test_a_database_that_is_away_is_waited_for(store: Store) -> None:
    """Nothing that has news is forgotten meanwhile."""
    notes, chat = Notes(), Chat()
    reconciler = PostReconciler([notes], store.posts, {"slack": chat})
    async with running(reconciler):
        notes.away = True
        notes.revisions["a"] = 1
        reconciler.mark_dirty("a")
        await until(lambda: notes.turned_away)
        notes.away = False
        await until(lambda: "a" in chat.wanted)


async def test_what_only_looks_different_is_shown_anew(store: Store) -> None:
    """Of the sources of which that is so."""
    seen, calm, chat = Notes(), Notes(), Chat()
    seen.revisions["a"], calm.revisions["b"] = 1, 1
    reconciler = PostReconciler([seen, calm], store.posts, {"slack": chat})
    async with running(reconciler):
        await until(lambda: {"a", "b"} <= chat.wanted.keys())
        seen.looks = True
        reconciler.check_visibility()
        assert [*reconciler._dirty] == ["a"]


async def test_what_stands_under_another_post_waits_for_it(store: Store) -> None:
    """And goes into the channel if that post never comes."""
    days, jobs, chat = Notes(), Notes(under="day"), Chat()
    days.revisions["day"], jobs.revisions["job"] = 1, 1
    reconciler = PostReconciler([jobs, days], store.posts, {"slack": chat})
    async with running(reconciler):
        await until(lambda: "job" in reconciler._waiting.get("day", ()))
        assert "job" not in chat.wanted
        del days.revisions["day"]
        reconciler.posts_up_to_date("day")
        await until(lambda: chat.threads.get("job") == "")
