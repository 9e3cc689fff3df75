"""Heartbeats tell the bot that an agent is there, and what it is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from baton.agent.output import key_of
from baton.bus.api import API
from baton.bus.channel import Channel, Link
from baton.bus.exchanges import OUTPUT
from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError
from baton.timing.backoff import jittered
from baton.timing.waiting import wait_at_most

log = structlog.get_logger(__name__)

JITTER = 0.2
"""By how much of its interval a heartbeat may come early or late, so that a fleet does not beat in
step."""


class Heartbeats:
    """These are sent as `source` with its `facts`, about every `interval` seconds, from `start` to
    `leave`, signed by `signer`."""

    def __init__(
        self,
        channel: Channel,
        source: str,
        facts: Callable[[], Awaitable[Facts]],
        interval: float,
        signer: Signer = UNSIGNED,
    ) -> None:
        self._channel = channel
        self._api = API(channel, signer)
        self._source = source
        self._facts = facts
        self._interval = interval
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Log the changes of the link, and send one when it comes up."""
        self._channel.on_link(self._link_changed)

    def start(self) -> None:
        """Begin to send them."""
        self._task = asyncio.create_task(self._send_heartbeats(), name="heartbeat")

    async def leave(self) -> None:
        """Stop, and say good-bye."""
        if self._task is not None:
            self._task.cancel()
        await self._send_heartbeat(leaving=True)

    async def _send_heartbeats(self) -> None:
        while True:
            await self._send_heartbeat()
            self._due.clear()
            pause = jittered(self._interval, JITTER)
            await wait_at_most(pause, self._due.wait())

    async def _send_heartbeat(self, *, leaving: bool = False) -> None:
        """Send a heartbeat.

        One that does not get through is not stored: the next one follows.
        """
        if self._channel.link is not Link.UP:
            return
        try:
            beat = Heartbeat(
                source=self._source,
                facts=await self._facts(),
                interval=self._interval,
                leaving=leaving,
            )
            await self._api.publish(OUTPUT, key_of(beat), beat, timeout=5.0)
        except BatonError as error:
            log.warning("heartbeat not sent", error=str(error))
        except Exception:  # whatever it was, to be silent for good would look like being down
            log.exception("heartbeat not sent")

    def request(self) -> None:
        """Send one soon, within a second."""
        # spread over a second, so that a thousand agents do not answer a bot at once
        asyncio.get_running_loop().call_later(random.random(), self._due.set)

    def _link_changed(self, link: Link) -> None:
        log.info("the link to RabbitMQ changed", state=link.value, bus=self._channel.url)
        if link is Link.UP:
            self.request()
