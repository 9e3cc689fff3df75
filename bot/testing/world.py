"""Puts a chat together for a test: a store in a folder of its own, a bus, a bot, and servers."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from typing_extensions import override

from alerts import SteadyClock
from alerts.settings import parse_alerts
from baton.bus.connect import connect
from baton.bus.messages import Person, new_id
from baton.consumer import Extension
from baton.extensions import Commands, installed
from baton.server import Server
from baton.settings import validated
from baton.testing.whole_chat import WITHIN, Chat, Said
from bot.app import task_table
from bot.app.assemble import assemble
from bot.app.bot import Bot
from bot.app.dispatching import commands_of
from bot.app.parts import cancel_all
from bot.app.with_alerts import AlertsConfig
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.reply import Reply
from bot.dispatch.thread_words import about_job
from bot.fronts.terminal.lines import answer_lines, text_of
from bot.settings import BotSettings
from bot.store import Store
from bot.testing.clock import MovedClock
from bot.testing.front import PLACE, MemoryFront
from bot.testing.server import INTERVAL, SimulatedServer

LEASE = timedelta(days=3650).total_seconds()
"""There is one bot, and time is moved: it leads for good."""
MOST_STEPS = 200
"""Into so many steps a long time is divided, at most."""
ALERT_STEP = 4.0
"""Seconds of a step if there are alerts: a bot that stood still for longer decides nothing."""
ROUND = 0.05
"""Seconds between two rounds of the bot's recurring work while no time is moved."""
POLL = 0.005


class ChatWorld(Chat):
    """A channel with a bot in it, and servers."""

    def __init__(
        self,
        bot: Bot,
        front: MemoryFront,
        servers: Mapping[str, SimulatedServer],
        clock: MovedClock,
    ) -> None:
        self._bot = bot
        self._front = front
        self._servers = servers
        self._clock = clock
        self._job = ""
        self._beat_at = clock.wall() + INTERVAL
        self._working = asyncio.Lock()

    @override
    async def says(self, words: str, *, person: str = "somebody") -> Said:
        """Ask the bot."""
        dispatcher = self._bot.dispatcher
        reply = await dispatcher.ask(
            about_job(words, self._job, dispatcher.commands),
            asker=Person(id=person, name=person),
            groups=_no_groups,
            place=PLACE,
            key=new_id(),
        )
        self._job = reply.job or self._job
        return Said(reply.ok, _text(reply), reply.job)

    @override
    async def thread_shows(self, text: str, *, within: float = WITHIN) -> None:
        """Wait for `text` in the thread of the last job."""
        if not self._job:
            raise AssertionError("no job was started: look at what says() returned")
        await self._shows(text, self.thread, "the thread", within)

    @override
    async def channel_shows(self, text: str, *, within: float = WITHIN) -> None:
        """Wait for `text` in the channel."""
        await self._shows(text, self.channel, "the channel", within)

    @override
    def thread(self) -> Sequence[str]:
        """Return the post of the last job, and its thread."""
        return self._front.thread(self._job)

    @override
    def channel(self) -> Sequence[str]:
        """Return what is in the channel."""
        return self._front.channel()

    @override
    def server(self, name: str) -> SimulatedServer:
        """Return a server."""
        return self._servers[name]

    @override
    async def passes(self, span: timedelta) -> None:
        """Move the clock in steps, and do all recurring work after each."""
        step = ALERT_STEP if self._bot.alert_runner else INTERVAL
        steps = max(1, math.ceil(span.total_seconds() / step))
        if self._bot.alert_runner is None:
            steps = min(steps, MOST_STEPS)
        for _ in range(steps):
            self._clock.move(span / steps)
            await self._work()

    async def begin(self) -> None:
        """Return once the bot leads and knows every server. From then on its recurring work is done
        by `run` and `passes`."""
        await self._until(self._begun, lambda: "the bot did not hear every server", WITHIN)
        await self._bot.periodic.remove(task_table.SCHEDULES, task_table.ALERTS)

    async def run(self) -> None:
        """Do the recurring work of the bot, until cancelled."""
        while True:
            await self._work()
            await asyncio.sleep(ROUND)

    def _begun(self) -> bool:
        heard = {one.facts.host for one in self._bot.servers.servers()}
        return self._bot.leader.leading and heard >= {*self._servers}

    async def _work(self) -> None:
        """Let servers send the heartbeats that are due, and do each round once."""
        async with self._working:
            if self._clock.wall() >= self._beat_at:
                self._beat_at = self._clock.wall() + INTERVAL
                for server in self._servers.values():
                    await server.beat()
                await asyncio.sleep(POLL)  # until they are received
            self._bot.held_jobs.wake()
            await self._bot.upkeep.sync_posts()
            await self._bot.scheduler.round()
            if self._bot.alert_runner is not None:
                await self._bot.alert_runner.round()

    async def _shows(
        self, text: str, shown: Callable[[], Sequence[str]], where: str, within: float
    ) -> None:
        def said() -> str:
            there = "\n".join(shown()) or "(nothing)"
            return f"{where} does not show {text!r}. It shows:\n{there}"

        await self._until(lambda: any(text in one for one in shown()), said, within)

    async def _until(
        self, holds: Callable[[], bool], otherwise: Callable[[], str], within: float
    ) -> None:
        end = time.monotonic() + within
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(otherwise())
            await asyncio.sleep(POLL)


@asynccontextmanager
async def open_chat(
    extensions: Sequence[Extension],
    *,
    servers: Mapping[str, Sequence[str]],
    environment: str,
    settings: Mapping[str, Any],
    rules: str,
    alerts: str | None,
    bus: str,
) -> AsyncIterator[ChatWorld]:
    """Yield the chat that `baton.testing.open_chat` describes, and leave nothing of it behind."""
    table = validated(BotSettings, tomllib.loads(rules), file="rules", key="")
    found = installed()
    mine = {extension.command.name for extension in extensions}
    kept = [one for name, one in found.items() if name not in mine]
    commands = Commands([*kept, *extensions], found.broken)
    clock, url = MovedClock(), bus or f"memory://{new_id()}"
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="baton-chat-"))
        store = await Store.open(f"sqlite:///{Path(folder) / 'baton.db'}", clock)
        stack.push_async_callback(store.close)
        channel = await connect(url, name="baton bot", owner=True)
        stack.push_async_callback(channel.close)
        front = MemoryFront()
        bot = assemble(
            store,
            channel,
            commands_of(commands),
            table.policy,
            lease=LEASE,
            clock=clock,
            alerts=None if alerts is None else _alerts(alerts, front, clock),
            gates=table.gate,
            freezes=FreezesInForce(table.freeze, lambda: table.freeze),
        )
        bot.show_in(front, None)
        stack.push_async_callback(bot.stop)
        await bot.start()

        made: dict[str, SimulatedServer] = {}
        for name, apps in servers.items():
            about = Server(environment, fqdn=name, app_names=tuple(sorted(apps)))
            server = made[name] = SimulatedServer(about, commands, settings, clock)
            stack.push_async_callback(server.stop)
            await server.start(await connect(url, name="baton agent"))
        world = ChatWorld(bot, front, made, clock)
        await world.begin()
        stack.push_async_callback(cancel_all, [asyncio.create_task(world.run())])
        yield world


def _alerts(text: str, front: MemoryFront, clock: MovedClock) -> AlertsConfig:
    return AlertsConfig(
        parse_alerts(text),
        front.name,
        links={},
        unpostable=lambda channels: {},
        steady=SteadyClock(clock.wall, clock.monotonic),
    )


async def _no_groups() -> frozenset[str]:
    return frozenset()


def _text(reply: Reply) -> str:
    """Return the whole of a reply, as people read it."""
    answer = [] if reply.answer is None else [text_of(line) for line in answer_lines(reply.answer)]
    return "\n".join(part for part in (reply.text, *answer) if part)
