"""A server in a test: a real agent, whose runs end as the test wants."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from typing_extensions import override

from baton.agent.journal import MemoryJournal
from baton.agent.manager import ConsumerManager
from baton.agent.service import set_up_consumers
from baton.bus.api import API
from baton.bus.channel import Channel
from baton.bus.exchanges import OUTPUT, output_key
from baton.bus.messages import Heartbeat
from baton.consumer import Consumer, Extension
from baton.errors import Failed
from baton.extensions import Commands
from baton.run import Run
from baton.server import Server
from baton.testing.whole_chat import ChatServer
from bot.testing.cable import Cable
from bot.testing.clock import MovedClock

INTERVAL = 15.0
"""Seconds between two heartbeats, as the bot is told."""

Behaviour = Callable[[Run[Any]], Awaitable[None]]
Work = Callable[[Run[Any]], Awaitable[None]]


class SimulatedServer(ChatServer):
    """A server that runs the consumers of `commands`, with `settings` as their tables.

    Raises SettingsError for wrong settings.
    """

    def __init__(
        self,
        server: Server,
        commands: Commands,
        settings: Mapping[str, Any],
        clock: MovedClock,
    ) -> None:
        self.name = server.fqdn
        self.requests = []
        scripted = [_scripted(extension, self._perform) for extension in commands.values()]
        self._server, self._consumers = set_up_consumers(
            server, Commands(scripted, commands.broken), settings, "settings"
        )
        self._cable = Cable()
        self._clock = clock
        self._next: deque[Behaviour] = deque()
        self._journal = MemoryJournal()
        self._channel: Channel | None = None
        self._manager: ConsumerManager | None = None
        self._beating: set[asyncio.Task[None]] = set()

    @override
    def fails(self, text: str) -> None:
        """Let the next run fail."""

        async def fail(run: Run[Any]) -> None:
            raise Failed(text)

        self._next.append(fail)

    @override
    def succeeds(self, text: str = "done") -> None:
        """Let the next run succeed."""

        async def succeed(run: Run[Any]) -> None:
            run.notify_success(text)

        self._next.append(succeed)

    @override
    def hangs(self) -> None:
        """Let the next run go on until it is ended."""

        async def hang(run: Run[Any]) -> None:
            await asyncio.Event().wait()

        self._next.append(hang)

    @override
    async def goes_silent(self) -> None:
        """Cut it off: as if somebody had pulled the plug."""
        self._cable.pull()

    @override
    async def comes_back(self) -> None:
        """Connect it, and send a heartbeat."""
        self._cable.plug_in()
        await self.beat()

    async def start(self, channel: Channel) -> None:
        """Start its agent, on this connection to the bus."""
        await channel.wait_up()
        self._channel = channel
        self._manager = ConsumerManager(
            self._cable.along(channel),
            self._server,
            self._consumers,
            self._journal,
            discover=self._start_beat,
            clock=self._clock,
        )
        await self._manager.start()
        await self.beat()

    async def beat(self) -> None:
        """Send a heartbeat, unless it is silent."""
        if self._channel is None or self._manager is None or self._cable.pulled:
            return
        facts = self._server.facts(self._manager.consumers)
        message = Heartbeat(source=self.name, time=self._clock(), facts=facts, interval=INTERVAL)
        key = output_key(message.type, facts.environment, self.name)
        await API(self._channel).publish(OUTPUT, key, message)

    async def stop(self) -> None:
        """End what runs here, and close."""
        self._cable.plug_in()
        if self._manager is not None:
            await self._manager.drain(0.0)
        if self._channel is not None:
            await self._channel.close()
        await self._journal.close()

    def _start_beat(self) -> None:
        task = asyncio.create_task(self.beat())
        self._beating.add(task)
        task.add_done_callback(self._beating.discard)

    async def _perform(self, work: Work, run: Run[Any]) -> None:
        self.requests.append(run.request)
        await (self._next.popleft()(run) if self._next else work(run))


def _scripted(
    extension: Extension, perform: Callable[[Work, Run[Any]], Awaitable[None]]
) -> Extension:
    """Return `extension` with a consumer whose runs go through `perform`."""
    kind = extension.consumer
    if kind is None:
        return extension

    async def process_message(self: Consumer[Any], run: Run[Any]) -> None:
        await perform(partial(kind.process_message, self), run)

    named = {"process_message": process_message, "__module__": kind.__module__}
    return Extension(extension.command, type(kind.__name__, (kind,), named))
