"""The lifetime of a program on the bus: until it is stopped, or RabbitMQ refuses it for good."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from baton.bus.channel import Channel
from baton.errors import BusRefused

REFUSAL_TIMEOUT = 60.0
"""Seconds for which RabbitMQ may refuse what a program that was connected needs, before it ends."""


class Lifetime:
    """It ends by `stop`, or once RabbitMQ refuses what `channel` needs while it is `idle`."""

    def __init__(self, channel: Channel, idle: Callable[[], bool] = lambda: True) -> None:
        self._channel = channel
        self._idle = idle
        self._stop = asyncio.Event()

    async def wait_for_end(self) -> None:
        """Wait until `stop()`. Raises BusRefused."""
        stopped = asyncio.create_task(self._stop.wait())
        refused = asyncio.create_task(self._wait_refused_and_idle())
        try:
            await asyncio.wait({stopped, refused}, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise refused.result()
        finally:
            for each in (stopped, refused):
                each.cancel()

    async def _wait_refused_and_idle(self) -> BusRefused:
        # what runs is not ended for it: it may yet be mended, and the journal keeps what was said
        while True:
            refusal = await self._channel.refused(REFUSAL_TIMEOUT)
            if self._idle():
                return refusal
            await asyncio.sleep(1.0)

    @property
    def stopped(self) -> bool:
        """Return whether it was stopped."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End it."""
        self._stop.set()

    def stop_on_signals(self) -> None:
        """End it on SIGTERM, SIGINT and SIGHUP: a closed terminal must not leave runs without their
        agent, nor a program that nobody sees.

        Under nohup(1) SIGHUP stays ignored, as requested.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self.stop)
