"""What becomes of locks: by the rows and the time alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from baton.bus.messages import Person
from bot.jobs import Place
from bot.locks import End, Lock, Scope, advance, ahead_of, queue_of

T0 = datetime(2026, 11, 27, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHOP = Scope("prod", "shop")
WEB_1, WEB_2 = frozenset({"web-1"}), frozenset({"web-2"})


def lock(id: str, scope: Scope = SHOP, *, asked: int = 0, minutes: float = 60, **more: Any) -> Lock:
    given: dict[str, Any] = {
        "id": id,
        "key": id,
        "scope": scope,
        "owner": Person(id=f"U_{id.upper()}", name=id),
        "place": Place("slack", "C1", name="ops"),
        "reason": "migration",
        "asked": T0 + asked * MINUTE,
        "until": T0 + (asked + minutes) * MINUTE,
        "seconds": minutes * 60,
        **more,
    }
    return Lock(**given)


def held(id: str, scope: Scope = SHOP, *, minutes: float = 60, **more: Any) -> Lock:
    return lock(id, scope, minutes=minutes, since=T0, number=1, **more)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Scope("prod", "shop"), Scope("prod", "shop"), True),
        (Scope("prod", "shop"), Scope("prod", "blog"), False),
        (Scope("prod", "shop"), Scope("staging", "shop"), False),
        (Scope("prod"), Scope("prod", "shop"), True),
        (Scope("prod", "shop", WEB_1), Scope("prod", "shop"), True),
        (
            Scope("prod", None, WEB_1),
            Scope("prod", "shop", WEB_2),
            False,
        ),
    ],
)
def test_what_overlaps(one: Scope, other: Scope, both: bool) -> None:
    """An environment is all its apps, an app is all its servers; either way round."""
    assert (one.overlaps(other), other.overlaps(one)) == (both, both)


def test_the_next_begins_when_one_ends() -> None:
    """By itself, with the next number, for the time that was asked for; both owners are told."""
    step = advance([held("ann"), lock("ben", asked=5, minutes=30)], 1, T0 + 60 * MINUTE)
    (ben,) = step.open
    assert (ben.number, ben.since, ben.until) == (2, T0 + 60 * MINUTE, T0 + 90 * MINUTE)
    assert step.number == 2
    assert {one.id: one.how for one in step.changed} == {"ann": End.EXPIRED, "ben": None}
    assert [notice.mark for notice in step.notices] == ["expired", "turn"]


def test_a_lock_lasts_to_its_end_and_not_beyond() -> None:
    """Half-open, as a freeze."""
    before = advance([held("ann", nagged=True)], 1, T0 + 60 * MINUTE - timedelta(microseconds=1))
    assert not before.changed
    assert advance([held("ann", nagged=True)], 1, T0 + 60 * MINUTE).open == ()


def test_at_half_time_its_owner_is_reminded_once() -> None:
    """With the words to end it, and to have it longer."""
    assert not advance([held("ann")], 1, T0 + 29 * MINUTE).notices
    step = advance([held("ann")], 1, T0 + 30 * MINUTE)
    (notice,) = step.notices
    assert "/unlock shop prod" in notice.text
    assert not advance(step.open, 1, T0 + 31 * MINUTE).notices


def test_nobody_overtakes_who_waits_for_more() -> None:
    """Whoever wants all of prod is not kept waiting for ever by those who want an app of it."""
    locks = [
        held("ann"),
        lock("ben", Scope("prod"), asked=1),
        lock("cem", Scope("prod", "blog"), asked=2),
    ]
    step = advance(locks, 1, T0 + 10 * MINUTE)
    assert [one.id for one in step.open if one.held] == ["ann"]
    assert [one.id for one in ahead_of(locks[2], locks)] == ["ben"]
    assert [one.id for one in queue_of(locks[0], locks)] == ["ben"]


def test_those_that_do_not_overlap_begin_at_once() -> None:
    """Apps, servers and environments beside each other."""
    locks = [held("ann"), lock("ben", Scope("prod", "blog"), asked=1)]
    step = advance(locks, 1, T0 + MINUTE)
    assert {one.id: one.number for one in step.open} == {"ann": 1, "ben": 2}


def test_who_waits_beyond_their_own_end_waits_no_longer() -> None:
    """`until 14:00` is over at 14:00, whether it began or not; its owner is told."""
    waits = lock("ben", asked=1, minutes=20, seconds=None)
    step = advance([held("ann", nagged=True), waits], 1, T0 + 21 * MINUTE)
    assert [one.id for one in step.open] == ["ann"]
    assert [notice.mark for notice in step.notices] == ["too-late"]
