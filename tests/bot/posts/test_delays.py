"""What was held back on its way to the chat says so, once and truly."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from alerts import AlertContent
from baton.bus.messages import State, now
from bot.content import NoticeContent, Post
from bot.fronts.errors import Throttled, Unreachable
from bot.jobs import Place, Subject
from bot.posts import delays
from bot.posts.pending import PendingPost
from bot.posts.queue import PostQueue
from bot.store import Store
from bot.store.errors import DatabaseUnavailable
from tests.bot.fake_front import FakeFront, Fault
from tests.support.wait import until

PLACE = Place("slack", "C_OPS")
SUBJECT = Subject("alert/1", PLACE, 0.0)
CONTENT = AlertContent("web-1", "firing")
NEVER = float("-inf")


def post(title: str = "web-1", *, age: float = 0.0, updates: int = 1, pinned: bool = False) -> Post:
    """One about alerts that is wanted since `age` seconds."""
    return Post(
        "alert/1",
        replace(CONTENT, title=title),
        pinned=pinned,
        desired_since=now().timestamp() - age,
        updates=updates,
    )


@pytest.mark.parametrize(
    ("pending", "footer"),
    [
        (
            PendingPost("j", PLACE, post(), held_by="by Slack's rate limit"),
            "1 update delayed 12 s by Slack's rate limit",
        ),
        (PendingPost("j", PLACE, post(), updates=3), "3 updates posted 12 s late"),
        (
            PendingPost("j", PLACE, replace(post(), parent="p", broadcast=True)),
            "1 update posted 12 s late",
        ),
        (PendingPost("j", PLACE, replace(post(), parent="p")), ""),
        (PendingPost("j", PLACE, replace(post(), desired_since=0.0)), ""),
        (PendingPost("j", PLACE, post(), waiting_since=8.0), ""),
    ],
)
def test_how_it_reads(pending: PendingPost, footer: str) -> None:
    """For how long, how many, and why if we know; nothing if it is not late, if nobody said since
    when it was wanted, or if it only stands in a thread."""
    told = delays.with_delay_note(pending, 12.0, "slack", NEVER).content
    assert isinstance(told, AlertContent)
    assert told.footer == footer


def test_what_is_not_about_alerts_says_nothing() -> None:
    """The posts of jobs show their own times."""
    notice = Post("n", NoticeContent("x", State.FAILED), desired_since=1.0)
    assert delays.with_delay_note(PendingPost("j", PLACE, notice), 99.0, "slack", NEVER) is notice


def test_who_is_to_blame() -> None:
    """A limit, a chat that is away (though it was not asked for this), or our own database."""
    waited = PendingPost("j", PLACE, post(), held_by=delays.by_limit_of("slack"))
    told = delays.with_delay_note(waited, 12.0, "slack", 9.0).content
    assert isinstance(told, AlertContent)
    assert told.footer == "1 update delayed 12 s while Slack was unreachable"
    assert delays.cause_of(Throttled("Slack", 3)) == "by Slack's rate limit"
    assert delays.cause_of(Unreachable(front="Slack", reason="x")) == "while Slack was unreachable"
    down = DatabaseUnavailable(url="db", reason="x")
    assert delays.cause_of(down) == "while the database was unavailable"


class Harness:
    """A chat and the queue to it, which can be started again."""

    def __init__(self, store: Store) -> None:
        self.store, self.front = store, FakeFront()
        self.front.pause = 0.5
        self.start()

    def start(self) -> None:
        self.queue = PostQueue(
            self.front, self.store.posts, lambda subject: None, claim=2.0, settle_time=0.005
        )

    async def submit(self, wanted: Post) -> bool:
        rows = {row.key: row for row in await self.store.posts.of_job(SUBJECT.id)}
        return self.queue.submit(SUBJECT, [wanted], rows)

    async def shown(self, wanted: Post) -> AlertContent:
        await until(lambda: self.submit(wanted), every=0.002)
        content = self.front.one(wanted.key).content
        assert isinstance(content, AlertContent)
        return content


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What had to wait is late, and what did not is not, on a busy machine either."""
    monkeypatch.setattr(delays, "LATE_AFTER", 0.4)
    monkeypatch.setattr("bot.posts.sender.BACKOFF", 0.5)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.THROTTLED, "by Slack's rate limit"),
        (Fault.UNREACHABLE, "while Slack was unreachable"),
    ],
)
async def test_what_was_held_says_so_once(store: Store, fault: Fault, why: str) -> None:
    """The call that gets through says it, for a post and for its edits; the next says nothing."""
    harness = Harness(store)
    harness.front.faults.append(fault)
    content = await harness.shown(post())
    assert content.footer.startswith("1 update delayed ")
    assert content.footer.lower().endswith(why.lower())
    harness.front.faults.append(fault)
    assert not await harness.submit(post("two"))
    assert (await harness.shown(post("three"))).footer.startswith("2 updates delayed ")
    assert (await harness.shown(post("four"))).footer == ""
    await harness.queue.close()


async def test_what_waited_for_another_bot_says_so_too(store: Store) -> None:
    """A bot that dies with something in hand makes it late, and the next one says by how much; of
    what was there already it claims nothing."""
    harness = Harness(store)
    harness.front.gate.clear()
    await harness.submit(post())
    await until(lambda: harness.front.calls == ["post"])
    await _killed(harness)
    harness.start()
    content = await harness.shown(post(age=20, updates=2))
    assert re.fullmatch(r"2 updates posted 2\d s late", content.footer)

    await harness.queue.close()
    harness.start()
    await harness.shown(replace(post(), desired_since=post(age=60).desired_since))
    assert isinstance(shown := harness.front.one("alert/1").content, AlertContent)
    assert shown.footer == ""
    await harness.queue.close()


async def _killed(harness: Harness) -> None:
    for worker in harness.queue._workers.values():
        worker.cancel()
    await until(lambda: all(worker.done() for worker in harness.queue._workers.values()))
    harness.front.gate.set()


@pytest.mark.parametrize("fault", [None, Fault.THROTTLED, Fault.LOST, Fault.DROPPED])
async def test_a_board_is_pinned(store: Store, fault: Fault | None) -> None:
    """Once it is there, however often that must be tried; it is not pinned again at each edit."""
    harness = Harness(store)
    harness.front.faults.extend([None, fault])
    await harness.shown(post(pinned=True))
    assert harness.front.one("alert/1").pinned
    calls = harness.front.calls.count("pin")
    await harness.shown(post("two", pinned=True))
    assert harness.front.calls.count("pin") == calls == (1 if fault is None else 2)
    await harness.queue.close()


async def test_a_board_that_was_deleted_is_posted_and_pinned_again(store: Store) -> None:
    """At its next change."""
    harness = Harness(store)
    await harness.shown(post(pinned=True))
    harness.front.delete("alert/1")
    await harness.shown(post("two", pinned=True))
    assert harness.front.one("alert/1").pinned
    await harness.queue.close()


async def test_a_board_that_may_not_be_pinned_is_shown(store: Store) -> None:
    """The log says why, once."""
    harness = Harness(store)
    harness.front.faults.extend([None, Fault.UNPOSTABLE])
    with capture_logs() as logs:
        await harness.shown(post(pinned=True))
        await harness.shown(post("two", pinned=True))
    assert [one["event"] for one in logs] == ["posted, but cannot pin"]
    await harness.queue.close()
