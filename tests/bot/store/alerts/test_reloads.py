"""Asks to read alerts.toml again: every bot hears of them, and who asked hears what came of it."""

from __future__ import annotations

import asyncio

from bot.store import Store


async def test_an_ask_is_seen_by_every_bot_and_answered_by_each(store: Store, other: Store) -> None:
    """Asks are numbered; what was said of an earlier one is not said of a later one."""
    assert await store.reloads.last_request() == 0
    assert await store.reloads.request() == 1
    assert await other.reloads.last_request() == 1
    await other.reloads.report("b", 1, "line 4: no")
    await store.reloads.report("a", 1)
    assert await store.reloads.reports(1) == {"a": "", "b": "line 4: no"}
    assert await other.reloads.request() == 2
    assert await store.reloads.reports(2) == {}
    await store.reloads.report("a", 2)
    await store.reloads.report("a", 2, "line 5: no")
    assert await other.reloads.reports(2) == {"a": "line 5: no"}


async def test_two_asks_at_once_are_two(store: Store, other: Store) -> None:
    """Whoever asks waits for answers to their own ask or a later one."""
    numbers = await asyncio.gather(*(one.reloads.request() for one in (store, other) * 5))
    assert sorted(numbers) == list(range(1, 11))


async def test_who_has_a_lease(store: Store) -> None:
    """Its holder while it holds it; nobody once it is over."""
    assert await store.leases.holder("desk") == ""
    await store.leases.take("desk", "a", 60)
    assert await store.leases.holder("desk") == "a"
    await store.leases.release("desk", "a")
    assert await store.leases.holder("desk") == ""
    await store.leases.take("desk", "a", -1)
    assert await store.leases.holder("desk") == ""
