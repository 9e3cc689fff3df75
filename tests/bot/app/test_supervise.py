"""Work runs for as long as the bot is healthy."""

from __future__ import annotations

import asyncio

import pytest

from bot.app.supervise import run_while_healthy
from tests.bot.world import Stage, a_bot


async def test_the_result_of_the_work_is_returned(stage: Stage) -> None:
    async def work() -> int:
        return 3

    assert await run_while_healthy(a_bot(stage.store, stage.channel()), work()) == 3


async def test_a_part_that_fails_ends_the_work(stage: Stage) -> None:
    """It is cancelled, and whoever runs it gets the error of the part."""
    bot = a_bot(stage.store, stage.channel())
    ended = asyncio.Event()

    async def work() -> None:
        bot.parts.fail("rendering posts", KeyError("a fault"))
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(KeyError):
        await run_while_healthy(bot, work())
    assert ended.is_set()


async def test_an_error_of_the_work_itself_is_raised(stage: Stage) -> None:
    async def work() -> None:
        raise LookupError("the terminal is gone")

    with pytest.raises(LookupError):
        await run_while_healthy(a_bot(stage.store, stage.channel()), work())
