"""The output exchange is an observer: step 4 of the path (report).

What runs report is published in the order in which it was reported, many at a time, for as long as
it takes: after a lost connection everything that was not confirmed is sent again, under the same
ids.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog
from typing_extensions import override

from baton.bus.api import API
from baton.bus.channel import Channel
from baton.bus.exchanges import OUTPUT, output_key
from baton.bus.messages import Heartbeat, Message, Pong, Probed, Surveyed, Update
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.errors import BatonError, Disconnected
from baton.observer import Observer
from baton.timing.backoff import delay
from baton.timing.waiting import wait_at_most

log = structlog.get_logger(__name__)

WINDOW = 200
"""Messages that await their confirm at a time. After a failure, and at the start, the first goes
alone: if no queue takes it, those behind it would overtake it once one does."""

MAX_WAITING = 16_000_000
"""Characters of raw output kept while the bus is away; past it the oldest raw output is dropped,
never a state: what went wrong stands at the end."""

RETRY_AFTER, RETRY_MOST = 0.2, 5.0
"""Seconds before what was not confirmed is sent again: doubled each time, up to the most."""

Confirmed = Callable[[Message], None]


def _nothing(_: Message) -> None:
    pass


class OutputExchange(Observer):
    """The output exchange publishes what runs report, signed by `signer`; `confirmed` is called
    for each message that RabbitMQ has."""

    def __init__(
        self, channel: Channel, confirmed: Confirmed = _nothing, signer: Signer = UNSIGNED
    ) -> None:
        self._channel = channel
        self._api = API(channel, signer)
        self._confirmed = confirmed
        self._waiting: deque[Message] = deque()
        self._flying: deque[tuple[Message, asyncio.Task[bool]]] = deque()
        self._window = 0
        self._raw = 0
        self._dropped = 0
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to publish."""
        self._task = asyncio.create_task(self._publish_all(), name="output exchange")

    @override
    def notify(self, message: Message) -> None:
        """Queue `message` to be published."""
        if raw := _raw_size(message):
            if not self._room_for(raw):
                self._dropped += 1
                return
            self._raw += raw
        self._waiting.append(message)
        self._some.set()
        self._none.clear()
        self._send()

    def _room_for(self, raw: int) -> bool:
        """Make room for so many characters of raw output; return whether there is."""
        while self._raw + raw > MAX_WAITING:
            oldest = next((at for at, one in enumerate(self._waiting) if _raw_size(one)), None)
            if oldest is None:
                return False
            self._raw -= _raw_size(self._waiting[oldest])
            del self._waiting[oldest]
            self._dropped += 1
        return True

    async def flush(self, seconds: float) -> bool:
        """Wait until everything is confirmed, at most `seconds`; return whether it is."""
        return await wait_at_most(seconds, self._none.wait())

    async def close(self) -> None:
        """Stop. What still waits is not sent; the journal has the closing messages."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self._window = 0
        flying = [task for _, task in self._flying]
        for task in flying:
            task.cancel()
        if flying:
            await asyncio.wait(flying)

    def _send(self) -> None:
        """Publish what waits, as far as the window allows."""
        while self._waiting and len(self._flying) < self._window:
            message = self._waiting.popleft()
            self._flying.append((message, asyncio.create_task(self._publish(message))))

    async def _publish(self, message: Message) -> bool:
        """Publish `message`; return whether RabbitMQ has it.

        What can never be published is given up, or those behind it would wait for ever. The tasks
        of these calls begin in the order in which they were made. One that fails closes the window
        at once, so that none behind it begins.
        """
        if not self._window:
            raise Disconnected(url=self._channel.url, reason="an earlier message was not published")
        try:
            # mandatory: an update that no queue takes waits for the bot's queue
            await self._api.publish(OUTPUT, key_of(message), message, mandatory=True)
        except (BatonError, asyncio.CancelledError):
            self._window = 0
            raise
        except Exception:
            log.exception(
                "a message cannot be published, it is dropped", id=message.id, type=message.type
            )
            return False
        return True

    async def _publish_all(self) -> None:
        failures = 0
        while True:
            await self._some.wait()
            if not self._flying:
                await self._channel.wait_up()
                self._window = 1
                self._send()
            await asyncio.wait([self._flying[0][1]])
            while self._window and self._flying and self._flying[0][1].done():
                self._confirm(*self._flying.popleft())
            if self._window:
                self._window, failures = WINDOW, 0
                self._send()
            else:
                await self._take_back()
                failures += 1
                await asyncio.sleep(delay(failures, RETRY_AFTER, RETRY_MOST))
            if not self._waiting and not self._flying:
                self._some.clear()
                self._none.set()
                self._say_dropped()

    def _confirm(self, message: Message, task: asyncio.Task[bool]) -> None:
        self._raw -= _raw_size(message)
        if task.result():
            self._confirmed(message)

    async def _take_back(self) -> None:
        """Put what is not confirmed back at the head of what waits, in order."""
        await asyncio.wait([task for _, task in self._flying])
        flying = list(self._flying)
        self._flying.clear()
        failed = [(message, task) for message, task in flying if _failure(task)]
        for message, task in flying:
            if not _failure(task):
                self._confirm(message, task)
        self._waiting.extendleft(message for message, _ in reversed(failed))
        log.warning(
            "publish failed, trying again", error=_failure(failed[0][1]), waiting=len(self._waiting)
        )

    def _say_dropped(self) -> None:
        if self._dropped:
            log.warning("output was dropped while RabbitMQ was unreachable", updates=self._dropped)
            self._dropped = 0


def _failure(task: asyncio.Task[bool]) -> str:
    """Return why a publish that has ended failed; empty if it did not."""
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return "" if error is None else str(error) or repr(error)


def _raw_size(message: Message) -> int:
    """Return how many characters of raw output `message` carries."""
    return len(message.text) if isinstance(message, Update) and message.level == "log" else 0


def key_of(message: Message) -> str:
    """Return the routing key of a message of an agent."""
    if isinstance(message, Update):
        return output_key(message.type, message.environment, message.command)
    if isinstance(message, Pong | Heartbeat):
        return output_key(message.type, message.facts.environment, message.facts.host)
    if isinstance(message, Probed):
        return output_key(message.type, message.environment, message.host)
    if isinstance(message, Surveyed):
        # the way of heartbeats: useless when it is old, and each account may write there already
        return output_key(Heartbeat.type, message.environment, message.host)
    return output_key(message.type, "-", "-")
