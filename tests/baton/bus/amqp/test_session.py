"""One life of the connections."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from baton.bus.amqp.session import answered
from baton.errors import Disconnected


async def test_who_gives_up_a_question_leaves_no_error_behind() -> None:
    """The client ends it by an error of its own, which is nobody's concern then."""
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    asked, over = asyncio.Event(), asyncio.Event()

    async def question() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            loop.call_soon(over.set)
            raise ConnectionError("the connection is closed") from None

    waiting = asyncio.create_task(answered(question(), "amqp://h"))
    await asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await over.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_a_question_that_the_client_cancels_tells_of_a_lost_connection() -> None:
    """It does not look as if somebody had cancelled whoever asked."""

    async def question() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Disconnected, match="the connection was lost"):
        await answered(question(), "amqp://h")
