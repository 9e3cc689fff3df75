"""The output exchange as an observer: step 4 of the path (reporting).

What runs say is published in the order in which it was said, several at a time, for as long as it
takes: after a lost connection everything from the first unconfirmed message on is sent again,
under the same ids.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from baton.api import API
from baton.channel import Channel
from baton.exchanges import OUTPUT, output_key
from baton.messages import Heartbeat, Message, Pong, Update

log = structlog.get_logger(__name__)

WINDOW = 200
"""Messages that await their confirm at a time."""
WAITING_MOST = 20_000
"""Messages kept while the bus is away; past it raw output is dropped, never a state."""

RETRY_AFTER, RETRY_MOST = 0.2, 5.0
"""Seconds before what was not confirmed is sent again: doubled each time, up to the most."""

Confirmed = Callable[[Message], None]


def _nothing(_: Message) -> None:
    pass


class OutputExchange:
    """Publishes what observed runs say; `confirmed` is told of each message that the bus has."""

    def __init__(self, channel: Channel, confirmed: Confirmed = _nothing) -> None:
        self._channel = channel
        self._api = API(channel)
        self._confirmed = confirmed
        self._waiting: deque[Message] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._task: asyncio.Task[None] | None = None
        self._dropped = 0

    def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._publish_all(), name="output exchange")

    def notify(self, message: Message) -> None:
        """Queue `message` to be published."""
        raw = isinstance(message, Update) and message.level == "log"
        if raw and len(self._waiting) >= WAITING_MOST:
            self._dropped += 1
            return
        self._waiting.append(message)
        self._some.set()
        self._none.clear()

    async def flush(self, seconds: float) -> bool:
        """Wait until everything is confirmed, at most `seconds`; whether it is."""
        try:
            await asyncio.wait_for(self._none.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop. What still waits is not sent; a journal has the final words."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _publish_all(self) -> None:
        pause = RETRY_AFTER
        while True:
            await self._some.wait()
            await self._channel.wait_up()
            batch = [self._waiting[i] for i in range(min(WINDOW, len(self._waiting)))]
            # published in call order, so in this order on the wire
            results = await asyncio.gather(
                *(self._publish(message) for message in batch), return_exceptions=True
            )
            for message, result in zip(batch, results, strict=True):
                if isinstance(result, BaseException):
                    log.warning("not published yet", error=str(result) or repr(result))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, RETRY_MOST)
                    break
                pause = RETRY_AFTER
                self._waiting.popleft()
                self._confirmed(message)
            if not self._waiting:
                self._some.clear()
                self._none.set()
                self._say_dropped()

    async def _publish(self, message: Message) -> None:
        # mandatory: an update that no queue takes waits for the bot's queue to be there
        await self._api.publish(OUTPUT, key_of(message), message, mandatory=True)

    def _say_dropped(self) -> None:
        if self._dropped:
            log.warning("output was dropped while the bus was away", updates=self._dropped)
            self._dropped = 0


def key_of(message: Message) -> str:
    """The routing key of what an agent says."""
    if isinstance(message, Update):
        return output_key(message.type, message.environment, message.command)
    if isinstance(message, Pong | Heartbeat):
        return output_key(message.type, message.facts.environment, message.facts.host)
    return output_key(message.type, "-", "-")
