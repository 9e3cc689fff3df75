"""The world of a bot in this process: a bus and agents in memory, a fake chat, and the bots on that
stage. Every test that wants a bot, or its dispatcher alone, makes it here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime
from typing import Any

from alerts import AlertSettings
from baton.bus.api import API
from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import DISCOVER, INPUT, OUTPUT, agent_queue, command_key, host_key
from baton.bus.exchanges import output_key as key_of
from baton.bus.facts import Facts
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import (
    Cancel,
    Discover,
    Heartbeat,
    Message,
    Pong,
    Request,
    State,
    Update,
    decode,
    new_id,
    now,
)
from baton.consumer import Extension
from baton.extensions import Commands
from bot.app.assemble import assemble
from bot.app.bot import Bot
from bot.app.dispatching import Dispatching, assemble_dispatch, commands_of
from bot.app.with_alerts import AlertsConfig
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.live_commands import LiveCommands
from bot.dispatch.policy import Policy
from bot.dispatch.reply import Reply
from bot.jobs import Place
from bot.schedules.schedule import ResultHandling
from bot.servers.registry import ServerRegistry
from bot.store import Store
from bot.store.errors import DatabaseUnavailable
from commands.servers import ListServers
from tests.bot.build import ANN, OPS, Hail, Ship
from tests.bot.fake_front import FakeFront
from tests.support.policy import OPEN
from tests.support.wait import until

COMMANDS = commands_of(Commands([Extension(Ship), Extension(Hail), Extension(ListServers)]))


async def no_groups() -> frozenset[str]:
    return frozenset()


def facts(host: str, environment: str = "prod", *apps: str) -> Facts:
    return Facts(host=host, environment=environment, apps=apps or ("shop",), version="2.0.0")


def beat(host: str, environment: str = "prod", *apps: str, **changes: Any) -> Heartbeat:
    return Heartbeat(**{"facts": facts(host, environment, *apps), "interval": 15.0, **changes})


class Agent:
    """An agent that starts each (request, attempt) once and remembers which. With `waits` it
    begins and says nothing more until it is told to `finish`."""

    def __init__(
        self, channel: Channel, host: str, environment: str = "prod", *, waits: bool = False
    ) -> None:
        self.channel = channel
        self.host = host
        self.facts = facts(host, environment)
        self.started: list[tuple[str, int]] = []
        self.requests: list[Request] = []
        self.cancels: list[Cancel] = []
        self.waits = waits
        self._api = API(channel)
        self._said: dict[str, int] = {}
        self._changes: dict[str, Any] = {}
        self._context = copy_context()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        queue = agent_queue(self.host)
        keys = [host_key(self.host), command_key("hail", self.facts.environment), DISCOVER]
        await self.channel.declare(queue, [(INPUT, key) for key in keys])
        await self.channel.consume(queue, self._came)

    async def beat(self, **changes: Any) -> None:
        """Send a heartbeat, and answer in the same way whoever wants to discover us."""
        self._changes = changes or self._changes
        await self.say(Heartbeat(**{"facts": self.facts, "interval": 15.0, **self._changes}))

    async def say(self, message: Message) -> None:
        subject = getattr(message, "command", self.host)
        key = key_of(message.type, self.facts.environment, subject)
        await self._api.publish(OUTPUT, key, message)

    async def update(self, request: Request, state: State, text: str = "", **changes: Any) -> None:
        self._said[request.id] = self._said.get(request.id, 0) + 1
        values: dict[str, Any] = {
            "job": request.job,
            "request": request.id,
            "attempt": request.attempt,
            "host": self.host,
            "environment": self.facts.environment,
            "command": request.command,
            "sequence": self._said[request.id],
            "state": state,
            "text": text,
        }
        await self.say(Update(**{**values, **changes}))

    async def finish(self, state: State = State.SUCCEEDED, text: str = "done") -> None:
        await self.update(self.requests[-1], state, text)

    async def _came(self, delivery: Delivery) -> None:
        # a bus in memory delivers inside of the life that published: an agent outlives it
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._handled(delivery), context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _handled(self, delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        await delivery.ack()
        if isinstance(message, Discover):
            await self.beat()
        elif isinstance(message, Cancel):
            self.cancels.append(message)
        elif isinstance(message, Request):
            await self._asked(message)

    async def _asked(self, request: Request) -> None:
        if (request.id, request.attempt) in self.started:
            return
        self.started.append((request.id, request.attempt))
        self.requests.append(request)
        if request.command == "hail":
            await self.say(Pong(job=request.job, request=request.id, facts=self.facts))
            return
        await self.update(request, State.ACCEPTED)
        await self.update(request, State.RUNNING, "line 1", level="log")
        if not self.waits:
            await self.update(request, State.SUCCEEDED, "done")


@contextmanager
def away(store: Store, *, writes_only: bool = False) -> Iterator[None]:
    """The database of `store` cannot be used in here."""
    database: Any = store._database
    kept = (database.read, database.write)

    async def fail(work: object) -> None:
        await asyncio.sleep(0)
        raise DatabaseUnavailable(url="sqlite:///baton.db", reason="its disk is full")

    database.write = fail
    if not writes_only:
        database.read = fail
    try:
        yield
    finally:
        database.read, database.write = kept


def a_bot(
    store: Store,
    channel: Any,
    front: Any = None,
    *,
    policy: Policy = OPEN,
    commands: Commands = COMMANDS,
    **options: Any,
) -> Bot:
    """A bot that has not started, as all tests have it that want a whole one; `front` is its chat,
    where nobody knows the people."""
    bot = assemble(store, channel, commands, policy, name="bot", **options)
    if front is not None:
        bot.show_in(front, None)
    return bot


def a_dispatch(
    store: Store,
    servers: ServerRegistry,
    policy: Policy = OPEN,
    commands: Commands = COMMANDS,
    **hooks: Any,
) -> Dispatching:
    """What takes what people ask, and the scheduler, without the rest of a bot: without alerts, and
    with `hooks` where somebody listens."""
    given: dict[str, Any] = {
        "alert_runner": None,
        "alert_reloader": None,
        "job_changed": lambda job: None,
        "server_forgotten": servers.forget,
        "schedules_changed": lambda: None,
        "on_result": lambda results: ResultHandling(),
    }
    channel = hooks.pop("channel", None) or MemoryChannel("memory://test", on=MemoryBus("test"))
    live = LiveCommands(commands, servers)
    return assemble_dispatch(store, channel, live, policy, servers, **{**given, **hooks})


def wanted(settings: AlertSettings, front: str = "slack", **more: Any) -> AlertsConfig:
    """Alerts by `settings`, of a bot that has no link but the bus and may post everywhere."""
    return AlertsConfig(settings, front, **{"links": {}, "unpostable": lambda channels: {}, **more})


class Stage:
    """A bus, a chat, and whoever is put on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bus = MemoryBus("test")
        self.front = FakeFront()
        self.bots: list[Bot] = []

    def channel(self) -> MemoryChannel:
        return MemoryChannel("memory://test", on=self.bus)

    async def agent(self, host: str, environment: str = "prod", *, waits: bool = False) -> Agent:
        agent = Agent(self.channel(), host, environment, waits=waits)
        await agent.start()
        return agent

    async def bot(
        self,
        policy: Policy = OPEN,
        *,
        store: Store | None = None,
        channel: Channel | None = None,
        lease: float = 2.0,
        front: FakeFront | None = None,
        clock: Callable[[], datetime] = now,
        alerts: AlertsConfig | None = None,
        console: ConsoleAddress | None = None,
    ) -> Bot:
        """A bot that has started, with our chat unless `front` is another."""
        bot = a_bot(
            store or self.store,
            channel or self.channel(),
            front or self.front,
            policy=policy,
            lease=lease,
            clock=clock,
            alerts=alerts,
            console=console,
        )
        self.bots.append(bot)
        await bot.start()
        return bot

    async def knows(self, bot: Bot, *hosts: str) -> None:
        """Return once `bot` has heard `hosts`."""
        await until(lambda: {*hosts} <= {seen.facts.host for seen in bot.servers.servers()})

    async def ask(self, bot: Bot, text: str, *, place: Place = OPS, key: str = "") -> Reply:
        return await bot.dispatcher.ask(
            text, asker=ANN, groups=no_groups, place=place, key=key or new_id()
        )

    async def job(self, bot: Bot, text: str, *, place: Place = OPS) -> str:
        """The id of the job that `text` begins."""
        reply = await self.ask(bot, text, place=place)
        assert reply.ok, reply.text
        return reply.job

    async def told(self, job: str) -> None:
        """Return once every post of `job` shows how it ended."""

        async def is_told() -> bool:
            found = await self.store.ledger.job(job)
            return found is not None and found[0].reported

        await until(is_told)

    async def states(self, job: str) -> dict[str, State]:
        found = await self.store.ledger.job(job)
        assert found is not None
        return {run.host: run.state for run in found[1]}

    async def close(self) -> None:
        for bot in self.bots:
            await bot.stop()
