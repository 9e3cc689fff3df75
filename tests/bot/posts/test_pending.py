from __future__ import annotations

from dataclasses import replace

import pytest

from baton.messages import State
from bot.content import NoticeContent, Post
from bot.fronts.protocol import Limits
from bot.posts.pending import Budget, Next, Slot, choose
from tests.bot.build import OPS

LIMITS = Limits(post_every=1.0, post_burst=3, edits_per_minute=60, edit_every=2.0)


def post(key: str, text: str = "now", *, parent: str = "", closing: bool = False) -> Post:
    return Post(key, NoticeContent(text, State.RUNNING), parent=parent, closing=closing)


def fresh(key: str) -> Slot:
    return Slot("job", OPS, post(key))


def stale(key: str, *, closing: bool = False, shown_at: float = -100.0, waiting: float = 0) -> Slot:
    return Slot(
        "job",
        OPS,
        post(key, closing=closing),
        ref=f"ts-{key}",
        shown="older",
        shown_at=shown_at,
        waiting_since=waiting,
    )


@pytest.fixture
def budget() -> Budget:
    return Budget.of(LIMITS, 0.0)


def key_of(up: Next) -> str | None:
    return up.slot.post.key if up.slot else None


def test_what_is_not_there_yet_goes_first_then_ends_then_the_oldest(budget: Budget) -> None:
    """A new post before any edit, a final state before one on its way, else who waits longest."""
    slots = [stale("a", waiting=1), stale("b", waiting=0), stale("c", closing=True, waiting=5)]
    assert key_of(choose([*slots, fresh("d")], {}, budget, 10.0)) == "d"
    assert key_of(choose(slots, {}, budget, 10.0)) == "c"
    assert key_of(choose(slots[:2], {}, budget, 10.0)) == "b"


def threaded(
    job: str, name: str, *, waiting: float = 0.0, closing: bool = False, turn: int = 0
) -> Slot:
    reply = post(f"{job}/{name}", parent=job, closing=closing)
    return Slot(job, OPS, reply, waiting_since=waiting, turn=turn)


def test_posts_of_jobs_go_before_the_threads_of_others(budget: Budget) -> None:
    """Who asks now reads it at once, however much other jobs still have to say; a failure said
    aloud is such a post too."""
    refs = {"a": "ts-a"}
    output = threaded("a", "web-1", closing=True)
    assert key_of(choose([output, fresh("b")], refs, budget, 10.0)) == "b"
    aloud = Slot("a", OPS, Post("a!", NoticeContent("x", State.FAILED), "a", broadcast=True))
    aloud.waiting_since = 9.0
    assert key_of(choose([output, aloud], refs, budget, 10.0)) == "a!"
    ended = stale("c", closing=True)
    edited = stale("d", closing=True)
    edited.post = post("d", parent="a", closing=True)
    assert key_of(choose([edited, ended], refs, budget, 10.0)) == "c"


def test_threads_leave_a_post_to_those_who_ask(budget: Budget) -> None:
    """A channel's rate is not used up by output: the next parent goes out at once."""
    refs = {"a": "ts-a"}
    shown = 0
    while choose([threaded("a", "web-1")], refs, budget, 0.0).slot is not None:
        budget.channel(OPS.channel, 0.0).take(0.0)
        shown += 1
    assert shown == 2
    assert key_of(choose([threaded("a", "web-1"), fresh("b")], refs, budget, 0.0)) == "b"


def test_edits_are_left_to_the_ends_of_jobs(budget: Budget) -> None:
    """When edits run out, first what is on its way waits, then what stands in threads."""

    def kinds() -> list[str]:
        found = []
        for thread in (False, True):
            for closing in (False, True):
                slot = stale("x", closing=closing)
                slot.post = post("x", parent="a" if thread else "", closing=closing)
                if choose([slot], {"a": "ts-a"}, budget, 0.0).slot is not None:
                    found.append(("thread" if thread else "job") + (" end" if closing else ""))
        return found

    seen = []
    while (now := kinds()) != []:
        if now not in seen:
            seen.append(now)
        budget.edits.take(0.0)
    assert seen == [
        ["job", "job end", "thread", "thread end"],
        ["job", "job end", "thread end"],
        ["job end"],
    ]


def test_threads_of_several_jobs_take_turns(budget: Budget) -> None:
    """A job with much to say does not make the others wait for all of it, and waits for nobody for
    ever."""
    refs = {"a": "ts-a", "b": "ts-b"}
    slots = [threaded("a", f"web-{number}", turn=number) for number in range(4)]
    slots += [threaded("b", f"web-{number}", waiting=1.0, turn=number) for number in range(4)]
    order = []
    while slots:
        budget.channel(OPS.channel, 0.0).tokens = 3.0
        up = choose(slots, refs, budget, 0.0).slot
        assert up is not None
        slots.remove(up)
        order.append(up.job)
    assert order == ["a", "b"] * 4


def test_a_thread_has_the_order_of_its_list(budget: Budget) -> None:
    """A server whose post is held back for its end holds those after it, not a failure said
    aloud."""
    refs = {"a": "ts-a"}
    slots = [threaded("a", "web-1"), threaded("a", "web-2", closing=True)]
    slots[0].hold = 12.0
    up = choose(slots, refs, budget, 10.0)
    assert up.slot is None
    assert up.wait == pytest.approx(2.0)
    aloud = Slot("a", OPS, Post("a!", NoticeContent("x", State.FAILED), "a", broadcast=True))
    assert key_of(choose([*slots, aloud], refs, budget, 10.0)) == "a!"
    assert key_of(choose(slots, refs, budget, 12.5)) == "a/web-1"


def test_a_thread_waits_for_its_post(budget: Budget) -> None:
    """Nothing is posted under a message that is not there."""
    reply = Slot("job", OPS, post("reply", parent="main"))
    assert choose([reply], {}, budget, 0.0) == Next(wait=None)
    assert key_of(choose([reply], {"main": "ts-1"}, budget, 0.0)) == "reply"


def test_posts_keep_to_the_rate_of_their_channel(budget: Budget) -> None:
    """Three at once, then one a second."""
    for _ in range(3):
        assert choose([fresh("a")], {}, budget, 0.0).slot is not None
        budget.channel(OPS.channel, 0.0).take(0.0)
    up = choose([fresh("a")], {}, budget, 0.0)
    assert up.slot is None
    assert up.wait == pytest.approx(1.0)


def test_the_last_edits_are_kept_for_final_states(budget: Budget) -> None:
    """When jobs are many, what is on its way waits so that what ended can be said."""
    while budget.edits.wait(0.0, keep=0.3 * budget.edits.size) <= 0:
        budget.edits.take(0.0)
    assert choose([stale("a")], {}, budget, 0.0).slot is None
    assert key_of(choose([stale("b", closing=True)], {}, budget, 0.0)) == "b"


def test_one_busy_post_is_edited_every_so_often(budget: Budget) -> None:
    """An edit that ends it does not wait."""
    up = choose([stale("a", shown_at=9.5)], {}, budget, 10.0)
    assert up.slot is None
    assert up.wait == pytest.approx(1.5)
    assert key_of(choose([stale("a", shown_at=9.5, closing=True)], {}, budget, 10.0)) == "a"


def test_what_was_asked_first_is_shown_first(budget: Budget) -> None:
    """One that ends at once waits for one before it that is held back for its end; alerts, which
    nobody asked for, wait for neither."""
    first, second, alert = (
        Slot("job", OPS, Post(name, NoticeContent("x", State.RUNNING), hold_until=hold))
        for name, hold in (("first", 1e9), ("second", 1e9), ("alert", 0.0))
    )
    first.hold, second.hold = 11.5, 11.8
    second.post = replace(second.post, closing=True)
    slots = [first, second]
    up = choose(slots, {}, budget, 10.0)
    assert up.slot is None
    assert up.wait == pytest.approx(1.5)
    assert key_of(choose([*slots, alert], {}, budget, 10.0)) == "alert"
    assert key_of(choose(slots, {}, budget, 11.6)) == "first"
    assert key_of(choose(slots[1:], {}, budget, 11.6)) == "second"


def test_a_post_of_many_servers_is_edited_a_bounded_number_of_times(budget: Budget) -> None:
    """However long it takes until a thousand servers have ended: some ten edits, the end at
    once."""
    slot = Slot("job", OPS, Post("a", NoticeContent("0", State.RUNNING), leisure=True), made_at=0.0)
    slot.ref, slot.shown, now, edits = "ts-a", "older", 1.5, 0
    slot.shown_at = now
    while now < 180.0:
        up = choose([slot], {}, budget, now)
        if up.slot is None:
            assert up.wait
            now += up.wait
        else:
            slot.shown_at, edits = now, edits + 1
    assert 8 <= edits <= 14
    slot.post = post("a", "the end", closing=True)
    assert choose([slot], {}, budget, now).slot is slot


def test_what_shows_what_is_wanted_is_left_alone(budget: Budget) -> None:
    """Nothing is said twice."""
    slot = stale("a")
    slot.shown = slot.post.digest
    assert choose([slot], {}, budget, 10.0) == Next(wait=None)
