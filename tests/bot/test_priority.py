"""Asks go first, and the rest is never kept out for long."""

from __future__ import annotations

import asyncio

import pytest

import bot.priority
from bot.priority import ForegroundPriority
from tests.support.wait import until


async def test_with_nobody_asking_nobody_waits() -> None:
    """What is left to do begins at once while nobody asks."""
    way = ForegroundPriority()
    given = asyncio.create_task(way.yield_to_foreground())
    await asyncio.sleep(0)
    assert given.done()


async def test_the_rest_waits_for_all_who_ask() -> None:
    """What is left to do waits until the last of those who ask together has been answered."""
    way = ForegroundPriority()
    first, second = way.foreground(), way.foreground()
    first.__enter__()
    second.__enter__()
    given = asyncio.create_task(way.yield_to_foreground())
    await asyncio.sleep(0)
    first.__exit__(None, None, None)
    await asyncio.sleep(0)
    assert not given.done()
    second.__exit__(None, None, None)
    await given


async def test_however_many_ask_the_rest_goes_on() -> None:
    """While people ask without a pause the rest gets its turn, and more than a moment of it."""
    way = ForegroundPriority()
    with way.foreground():
        await way.yield_to_foreground()
        again = asyncio.create_task(way.yield_to_foreground())
        await until(again.done, every=0)
    assert again.exception() is None


async def test_an_ask_that_fails_lets_go() -> None:
    """Whatever becomes of an ask, it keeps nobody out once it is over."""
    way = ForegroundPriority()
    try:
        with way.foreground():
            raise LookupError
    except LookupError:
        pass
    async with asyncio.timeout(5):
        await way.yield_to_foreground()


async def test_an_ask_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes, such as a replay, slows nothing down meanwhile."""
    monkeypatch.setattr(bot.priority, "SHORT_FOREGROUND", 0.0)
    way = ForegroundPriority()
    with way.foreground():
        given = asyncio.create_task(way.yield_to_foreground())
        await asyncio.sleep(0)
        assert given.done()
