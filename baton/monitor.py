"""A monitor is a program of one's own that receives what all servers report.

    class Failures(Monitor):
        name = "failures"

        async def on_update(self, update: Update) -> None:
            if update.state is State.FAILED:
                print(f"{update.command} failed on {update.host}: {update.text}")

    if __name__ == "__main__":
        Failures.main()

It needs no bot and no agent on its machine, and changes nothing for either.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import structlog

from baton.bus.channel import Channel, Delivery, Link
from baton.bus.connect import connect
from baton.bus.exchanges import OUTPUT, WEEK, Queue, key_word
from baton.bus.lifetime import Lifetime
from baton.bus.messages import Heartbeat, Message, Pong, Probed, Update, decode
from baton.errors import (
    BatonError,
    BusRefused,
    ExtensionError,
    InvalidMessage,
    SettingsError,
    UnknownType,
)
from baton.text.printable import printable

log = structlog.get_logger(__name__)

PREFETCH = 100
"""Messages that are taken from the queue ahead of their turn."""
REMEMBERED = 1_000
"""IDs of messages that are remembered, so that one which comes twice is handled once."""
REFUSED = 78
"""The exit code (EX_CONFIG) for what a restart does not mend: somebody must grant a permission."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Monitor:
    """A monitor receives each kind of message for which it has a method, in order, one at a time.

    Subclass it, set `name`, and override what you want to hear of: only those messages come. They
    come through a queue of its own, `monitor.NAME`. While the program is away it keeps them for
    `keep` seconds; after a week without the program it is deleted. Several programs with one name
    share the queue: one of them works, the others stand by.

    A method that raises, or takes more than `timeout` seconds, is logged; its message is not
    delivered again and the next one is handled. What a message says of its sender is not checked
    here as a bot checks it.
    """

    name: ClassVar[str]
    environments: ClassVar[Sequence[str]] = ()
    """The environments to hear of; none means all."""
    keep: ClassVar[float] = 3600.0
    timeout: ClassVar[float] = 60.0

    def __init__(self, channel: Channel) -> None:
        """Receive over `channel`, which `run` closes. Raises ExtensionError if the name is invalid
        or there is nothing to receive."""
        name = getattr(type(self), "name", "")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            reason = f"{str(name)[:64]!r} is not a valid name: letters, digits, ., - and _"
            raise ExtensionError(name=type(self).__name__, reason=reason)
        self._methods: dict[type[Message], Callable[[Any], Awaitable[None]]] = {
            kind: getattr(self, method)
            for kind, method in _METHODS.items()
            if getattr(type(self), method) is not getattr(Monitor, method)
        }
        if not self._methods:
            reason = f"it has none of the methods {', '.join(_METHODS.values())}"
            raise ExtensionError(name=name, reason=reason)
        self.queue = Queue(
            f"monitor.{name}", single_active=True, expires=WEEK, ttl=self.keep, dead_letter=""
        )
        self.failed = 0
        """How many messages could not be read or handled."""
        self._channel = channel
        self._turn = asyncio.Lock()
        self._handled: OrderedDict[str, None] = OrderedDict()
        self._lifetime = Lifetime(channel)

    async def on_update(self, update: Update) -> None:
        """Receive what a server says about a request."""

    async def on_pong(self, pong: Pong) -> None:
        """Receive the answer of a server to a ping."""

    async def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Receive the sign that an agent runs, with the facts of its server."""

    async def on_probed(self, probed: Probed) -> None:
        """Receive the result of a probe that a server ran."""

    @property
    def bindings(self) -> list[tuple[str, str]]:
        """Return the exchange and the keys of the messages that it receives."""
        kinds = [kind.type.removeprefix("baton.") for kind in self._methods]
        of = [f".{key_word(environment)}" for environment in self.environments] or [""]
        return [(OUTPUT, f"{kind}{environment}.#") for kind in kinds for environment in of]

    async def run(self) -> None:
        """Receive until `stop()`, and close the channel.

        Waits for a RabbitMQ that is away, for as long as it takes. Raises BusRefused if RabbitMQ
        refuses this account what it needs: at the start at once, later after a minute.
        """
        self._channel.on_link(self._link_changed)
        try:
            await self._channel.declare(self.queue, self.bindings)
            subscription = await self._channel.consume(self.queue, self._receive, prefetch=PREFETCH)
            log.info("monitor started", monitor=self.name, bus=self._channel.url)
            await self._lifetime.wait_for_end()
            await subscription.cancel()
        finally:
            self.stop()
            await self._channel.close()
            log.info("monitor stopped", monitor=self.name, failed=self.failed)

    def stop(self) -> None:
        """End after the message that is being handled. What was not handled stays in the queue."""
        self._lifetime.stop()

    def stop_on_signals(self) -> None:
        """Stop on SIGTERM, SIGINT, and SIGHUP unless it is ignored."""
        self._lifetime.stop_on_signals()

    @classmethod
    def main(cls) -> None:
        """Run as a program, on the bus that the variable BATON_BUS_URL names, until a signal.

        It logs to stderr. An error is one line and exit code 2; 78 if RabbitMQ refuses what is
        needed.
        """
        if not structlog.is_configured():  # standard output is for what the monitor prints
            structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        try:
            asyncio.run(cls._serve(os.environ.get("BATON_BUS_URL", "")))
        except BatonError as error:
            print(f"{getattr(cls, 'name', cls.__name__)}: {printable(str(error))}", file=sys.stderr)
            sys.exit(REFUSED if isinstance(error, BusRefused) else 2)

    @classmethod
    async def _serve(cls, urls: str) -> None:
        if not urls:
            raise SettingsError(
                file="the environment",
                key="BATON_BUS_URL",
                problem="is not set",
                must="a URL such as amqps://user:password@host",
            )
        monitor = cls(await connect(urls, name=f"baton monitor {getattr(cls, 'name', '')}"))
        monitor.stop_on_signals()
        await monitor.run()

    async def _receive(self, delivery: Delivery) -> None:
        async with self._turn:
            if self._lifetime.stopped:
                await delivery.reject(requeue=True)
                return
            await self._handle(delivery)
            await delivery.ack()

    async def _handle(self, delivery: Delivery) -> None:
        """Pass the message to its method. Whatever is wrong with either is logged."""
        try:
            message = decode(delivery.envelope.body)
        except UnknownType:
            return  # of a newer version of Baton
        except InvalidMessage as error:
            self.failed += 1
            log.warning("a message cannot be read", key=delivery.key, reason=str(error))
            return
        method = self._methods.get(type(message))
        if method is None or message.id in self._handled:
            return
        self._handled[message.id] = None
        if len(self._handled) > REMEMBERED:
            self._handled.popitem(last=False)
        try:
            async with asyncio.timeout(self.timeout):
                await method(message)
        except Exception:
            self.failed += 1
            log.exception(
                "a monitor failed to handle a message",
                monitor=self.name,
                type=message.type,
                id=message.id,
            )

    def _link_changed(self, link: Link) -> None:
        reason = self._channel.link_reason
        log.info("the link to RabbitMQ changed", state=link.value, reason=reason)


_METHODS: dict[type[Message], str] = {
    Update: "on_update",
    Pong: "on_pong",
    Heartbeat: "on_heartbeat",
    Probed: "on_probed",
}
"""The method for each kind of message."""
