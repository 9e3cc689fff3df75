from __future__ import annotations

import pytest

from baton.messages import State
from bot.front import Limits, NoticeContent, Post
from bot.posts import Budget, Next, Slot, choose
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


def test_what_shows_what_is_wanted_is_left_alone(budget: Budget) -> None:
    """Nothing is said twice."""
    slot = stale("a")
    slot.shown = slot.post.digest
    assert choose([slot], {}, budget, 10.0) == Next(wait=None)
