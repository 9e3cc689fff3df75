"""Waiting that ends."""

from __future__ import annotations

import asyncio

import pytest

from baton.timing.waiting import outlast, wait_at_most


async def test_what_is_done_in_time_is_told() -> None:
    """It returns as soon as it is done."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_at_most(60, event.wait())
    assert await wait_at_most(None, event.wait())


async def test_what_takes_longer_is_given_up() -> None:
    """It is cancelled, and nothing is raised."""
    task = asyncio.ensure_future(asyncio.Event().wait())
    assert not await wait_at_most(0.01, task)
    assert task.cancelled()


async def test_who_waits_can_be_cancelled() -> None:
    """A cancellation from outside is no time-out."""
    waiting = asyncio.create_task(wait_at_most(60, asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_what_must_end_is_waited_for_by_whoever_is_cancelled_too() -> None:
    """However often: it is not cancelled, and the caller is told."""
    event = asyncio.Event()
    waiting = asyncio.create_task(outlast(event.wait()))
    for _ in range(3):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    assert await waiting == (True, True)
    assert await outlast(event.wait()) == (True, False)


async def test_whoever_is_cancelled_is_so_if_what_he_waited_for_fails() -> None:
    """Its error would hide that."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("it fails")

    with pytest.raises(ValueError, match="it fails"):
        await outlast(fails())
    waiting = asyncio.create_task(outlast(fails()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
