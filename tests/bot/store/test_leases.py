"""Which bots there are: each says so for a while."""

from __future__ import annotations

from bot.store import Store
from bot.store.leases import STRANGERS
from tests.bot.store.build import later


async def test_who_is_there_is_counted(store: Store) -> None:
    """Others of the family, not oneself; who says nothing any more is gone, and other leases are
    none of it."""
    assert await store.leases.take(STRANGERS, "2", 60.0)
    assert await store.leases.present("slack", "one", 60.0) == 0
    assert await store.leases.present("slack", "two", 60.0) == 1
    assert await store.leases.present("slack", "one", 60.0) == 1
    assert await store.leases.present("slack", "two", 0.0) == 1
    assert await store.leases.present("slack", "one", 60.0) == 0
    assert await store.leases.present("other", "one", 60.0) == 0
    assert await store.leases.holder(STRANGERS) == "2"


async def test_a_lease_from_a_clock_that_was_ahead_is_nobodys(store: Store) -> None:
    """A bot that died while the clock was hours ahead keeps no other from leading for hours."""
    assert await store.leases.take("leader", "dead", 6, later(3 * 3600))
    assert not await store.leases.take("leader", "dead too", 6, later(3 * 3600 - 30))
    assert await store.leases.take("leader", "alive", 6, later(0))
    assert not await store.leases.take("leader", "dead", 6, later(1))
