from __future__ import annotations

from dataclasses import replace

import pytest

from baton.bus.messages import State
from bot.content import NoticeContent, Post
from bot.fronts.protocol import Limits
from bot.posts.next_post import Next, next_post
from bot.posts.pending import PendingPost
from bot.posts.rate_limits import RateLimits
from tests.bot.build import OPS

LIMITS = Limits(post_every=1.0, post_burst=3, edits_per_minute=60, edit_every=2.0)


def post(key: str, text: str = "now", *, parent: str = "", closing: bool = False) -> Post:
    return Post(key, NoticeContent(text, State.RUNNING), parent=parent, closing=closing)


def fresh(key: str) -> PendingPost:
    return PendingPost("job", OPS, post(key))


def stale(
    key: str, *, closing: bool = False, shown_at: float = -100.0, waiting: float = 0
) -> PendingPost:
    return PendingPost(
        "job",
        OPS,
        post(key, closing=closing),
        ref=f"ts-{key}",
        shown="older",
        shown_at=shown_at,
        waiting_since=waiting,
    )


@pytest.fixture
def limits() -> RateLimits:
    return RateLimits.of(LIMITS, 0.0)


def key_of(up: Next) -> str | None:
    return up.post.post.key if up.post else None


def test_what_is_not_there_yet_goes_first_then_ends_then_the_oldest(limits: RateLimits) -> None:
    """A new post before any edit, a final state before one on its way, else who waits longest."""
    pending = [stale("a", waiting=1), stale("b", waiting=0), stale("c", closing=True, waiting=5)]
    assert key_of(next_post([*pending, fresh("d")], {}, limits, 10.0)) == "d"
    assert key_of(next_post(pending, {}, limits, 10.0)) == "c"
    assert key_of(next_post(pending[:2], {}, limits, 10.0)) == "b"


def threaded(
    job: str, name: str, *, waiting: float = 0.0, closing: bool = False, turn: int = 0
) -> PendingPost:
    reply = post(f"{job}/{name}", parent=job, closing=closing)
    return PendingPost(job, OPS, reply, waiting_since=waiting, turn=turn)


def test_posts_of_jobs_go_before_the_threads_of_others(limits: RateLimits) -> None:
    """Who asks now reads it at once, however much other jobs still have to say; a failure said
    aloud is such a post too."""
    refs = {"a": "ts-a"}
    output = threaded("a", "web-1", closing=True)
    assert key_of(next_post([output, fresh("b")], refs, limits, 10.0)) == "b"
    aloud = PendingPost("a", OPS, Post("a!", NoticeContent("x", State.FAILED), "a", broadcast=True))
    aloud.waiting_since = 9.0
    assert key_of(next_post([output, aloud], refs, limits, 10.0)) == "a!"
    ended = stale("c", closing=True)
    edited = stale("d", closing=True)
    edited.post = post("d", parent="a", closing=True)
    assert key_of(next_post([edited, ended], refs, limits, 10.0)) == "c"


def test_threads_leave_a_post_to_those_who_ask(limits: RateLimits) -> None:
    """A channel's rate is not used up by output: the next parent goes out at once."""
    refs = {"a": "ts-a"}
    shown = 0
    while next_post([threaded("a", "web-1")], refs, limits, 0.0).post is not None:
        limits.channel(OPS.channel, 0.0).take(0.0)
        shown += 1
    assert shown == 2
    assert key_of(next_post([threaded("a", "web-1"), fresh("b")], refs, limits, 0.0)) == "b"


def test_edits_are_left_to_the_ends_of_jobs(limits: RateLimits) -> None:
    """When edits run out, first what is on its way waits, then what stands in threads."""

    def kinds() -> list[str]:
        found = []
        for thread in (False, True):
            for closing in (False, True):
                one = stale("x", closing=closing)
                one.post = post("x", parent="a" if thread else "", closing=closing)
                if next_post([one], {"a": "ts-a"}, limits, 0.0).post is not None:
                    found.append(("thread" if thread else "job") + (" end" if closing else ""))
        return found

    seen = []
    while (now := kinds()) != []:
        if now not in seen:
            seen.append(now)
        limits.edits.take(0.0)
    assert seen == [
        ["job", "job end", "thread", "thread end"],
        ["job", "job end", "thread end"],
        ["job end"],
    ]


def test_threads_of_several_jobs_take_turns(limits: RateLimits) -> None:
    """A job with much to say does not make the others wait for all of it, and waits for nobody for
    ever."""
    refs = {"a": "ts-a", "b": "ts-b"}
    pending = [threaded("a", f"web-{number}", turn=number) for number in range(4)]
    pending += [threaded("b", f"web-{number}", waiting=1.0, turn=number) for number in range(4)]
    order = []
    while pending:
        limits.channel(OPS.channel, 0.0).tokens = 3.0
        up = next_post(pending, refs, limits, 0.0).post
        assert up is not None
        pending.remove(up)
        order.append(up.subject)
    assert order == ["a", "b"] * 4


def test_a_thread_has_the_order_of_its_list(limits: RateLimits) -> None:
    """A server whose post is held back for its end holds those after it, not a failure said
    aloud."""
    refs = {"a": "ts-a"}
    pending = [threaded("a", "web-1"), threaded("a", "web-2", closing=True)]
    pending[0].hold = 12.0
    up = next_post(pending, refs, limits, 10.0)
    assert up.post is None
    assert up.wait == pytest.approx(2.0)
    aloud = PendingPost("a", OPS, Post("a!", NoticeContent("x", State.FAILED), "a", broadcast=True))
    assert key_of(next_post([*pending, aloud], refs, limits, 10.0)) == "a!"
    assert key_of(next_post(pending, refs, limits, 12.5)) == "a/web-1"


def test_a_thread_waits_for_its_post(limits: RateLimits) -> None:
    """Nothing is posted under a message that is not there."""
    reply = PendingPost("job", OPS, post("reply", parent="main"))
    assert next_post([reply], {}, limits, 0.0) == Next(wait=None)
    assert key_of(next_post([reply], {"main": "ts-1"}, limits, 0.0)) == "reply"


def test_posts_keep_to_the_rate_of_their_channel(limits: RateLimits) -> None:
    """Three at once, then one a second."""
    for _ in range(3):
        assert next_post([fresh("a")], {}, limits, 0.0).post is not None
        limits.channel(OPS.channel, 0.0).take(0.0)
    up = next_post([fresh("a")], {}, limits, 0.0)
    assert up.post is None
    assert up.wait == pytest.approx(1.0)


def test_the_last_edits_are_kept_for_final_states(limits: RateLimits) -> None:
    """When jobs are many, what is on its way waits so that what ended can be said."""
    while limits.edits.wait(0.0, keep=0.3 * limits.edits.size) <= 0:
        limits.edits.take(0.0)
    assert next_post([stale("a")], {}, limits, 0.0).post is None
    assert key_of(next_post([stale("b", closing=True)], {}, limits, 0.0)) == "b"


def test_one_busy_post_is_edited_every_so_often(limits: RateLimits) -> None:
    """An edit that ends it does not wait."""
    up = next_post([stale("a", shown_at=9.5)], {}, limits, 10.0)
    assert up.post is None
    assert up.wait == pytest.approx(1.5)
    assert key_of(next_post([stale("a", shown_at=9.5, closing=True)], {}, limits, 10.0)) == "a"


def test_what_was_asked_first_is_shown_first(limits: RateLimits) -> None:
    """One that ends at once waits for one before it that is held back for its end; alerts, which
    nobody asked for, wait for neither."""
    first, second, alert = (
        PendingPost("job", OPS, Post(name, NoticeContent("x", State.RUNNING), hold_until=hold))
        for name, hold in (("first", 1e9), ("second", 1e9), ("alert", 0.0))
    )
    first.hold, second.hold = 11.5, 11.8
    second.post = replace(second.post, closing=True)
    pending = [first, second]
    up = next_post(pending, {}, limits, 10.0)
    assert up.post is None
    assert up.wait == pytest.approx(1.5)
    assert key_of(next_post([*pending, alert], {}, limits, 10.0)) == "alert"
    assert key_of(next_post(pending, {}, limits, 11.6)) == "first"
    assert key_of(next_post(pending[1:], {}, limits, 11.6)) == "second"


def test_a_post_of_many_servers_is_edited_a_bounded_number_of_times(limits: RateLimits) -> None:
    """However long it takes until a thousand servers have ended: some ten edits, the end at
    once."""
    one = PendingPost(
        "job", OPS, Post("a", NoticeContent("0", State.RUNNING), slow_edits=True), made_at=0.0
    )
    one.ref, one.shown, now, edits = "ts-a", "older", 1.5, 0
    one.shown_at = now
    while now < 180.0:
        up = next_post([one], {}, limits, now)
        if up.post is None:
            assert up.wait
            now += up.wait
        else:
            one.shown_at, edits = now, edits + 1
    assert 8 <= edits <= 14
    one.post = post("a", "the end", closing=True)
    assert next_post([one], {}, limits, now).post is one


def test_what_shows_what_is_wanted_is_left_alone(limits: RateLimits) -> None:
    """Nothing is said twice."""
    one = stale("a")
    one.shown = one.post.digest
    assert next_post([one], {}, limits, 10.0) == Next(wait=None)
