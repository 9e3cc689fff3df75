"""An agent and a bot's end of the bus, for tests of what happens between the two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from baton.agent.journal import Journal, MemoryJournal
from baton.agent.manager import ConsumerManager
from baton.bus.api import API
from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.exchanges import BOT_QUEUE, DEAD_QUEUE, INPUT, OUTPUT, host_key
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import (
    Cancel,
    Message,
    Person,
    Pong,
    Request,
    State,
    Update,
    decode,
    new_id,
    now,
)
from baton.command import Command
from baton.consumer import Consumer
from baton.fields import Name, Positional
from baton.run import Run
from baton.server import Server
from tests.support.queues import first_of
from tests.support.wait import until

ANN = Person(id="U_ANN", name="ann")
HOST = "web-1"
SERVER = Server("prod", HOST)


class Work(Command):
    """Work on something."""

    name: ClassVar[str] = "work"
    environment: Name
    how: Annotated[str, Positional] = Field("well")


class Worker(Consumer[Work]):
    """Works as it is told: at once, until `release`, wrongly, deafly."""

    command: ClassVar[type[Command]] = Work

    def __init__(self, server: Server = SERVER, settings: Any = None) -> None:
        super().__init__(server, settings)
        self.started: list[str] = []
        self.stopped: list[str] = []
        self.release = asyncio.Event()

    async def process_message(self, run: Run[Work]) -> None:
        self.started.append(run.request.id)
        await self.do(run)

    async def do(self, run: Run[Work]) -> None:
        how = run.command.how
        if how == "wait":
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.stopped.append(run.request.id)
                raise
        elif how == "talk":
            for number in range(20):
                run.notify_info(f"step {number}", percent=5 * number)
            run.notify_success("talked", count=20)
        elif how == "deaf":
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                return
        else:
            run.notify_info(how)


def request(how: str = "well", **changes: Any) -> Request:
    """A request to work, for HOST."""
    fields: dict[str, Any] = {
        "job": new_id(),
        "command": "work",
        "arguments": {"environment": "prod", "how": how},
        "environment": "prod",
        "host": HOST,
        "deadline": now() + timedelta(minutes=1),
        "requester": ANN,
    }
    return Request(**{**fields, **changes})


def cancel(of: Request) -> Cancel:
    """Ann's wish that `of` be stopped."""
    return Cancel(job=of.job, request=of.id, attempt=of.attempt, host=HOST, requester=ANN)


class Stage:
    """The bot's end: sends, and keeps what it hears."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.heard: list[Message] = []

    async def listen(self) -> None:
        await self.channel.declare(BOT_QUEUE, [(OUTPUT, "update.#"), (OUTPUT, "pong.#")])
        await self.channel.consume(BOT_QUEUE, self._hear)

    async def _hear(self, delivery: Delivery) -> None:
        self.heard.append(decode(delivery.envelope.body))
        await delivery.ack()

    async def send(self, message: Message, key: str = host_key(HOST)) -> None:
        await API(self.channel).publish(INPUT, key, message, mandatory=True)

    async def send_body(self, body: bytes, key: str = host_key(HOST)) -> None:
        await self.channel.publish(INPUT, key, Envelope(body, id=new_id()), mandatory=True)

    def about(self, of: Request) -> list[Update]:
        return [
            message
            for message in self.heard
            if isinstance(message, Update) and message.request == of.id
        ]

    def end(self, of: Request) -> Update | Pong | None:
        """The last word on `of`, if it was heard."""
        for message in self.heard:
            if isinstance(message, Pong) and message.request == of.id:
                return message
        return next((update for update in self.about(of) if update.state.final), None)

    async def ended(self, of: Request) -> Update:
        """The final update on `of`, once it is heard."""
        found = await until(lambda: self.end(of))
        assert isinstance(found, Update)
        return found

    async def ends(self, of: Request) -> tuple[State, str]:
        """How `of` ended, once it is heard."""
        update = await self.ended(of)
        return update.state, update.text

    async def dead(self) -> Envelope:
        """The first dead letter, once it is there."""
        channel = self.channel
        delivery: Delivery | None = await until(lambda: first_of(channel, DEAD_QUEUE))
        assert delivery is not None
        await delivery.ack()
        return delivery.envelope


@asynccontextmanager
async def agent(
    channel: Channel,
    consumers: Iterable[Consumer[Any]],
    journal: Journal | None = None,
    *,
    drain: float = 0.0,
    **options: Any,
) -> AsyncIterator[ConsumerManager]:
    """An agent at work until the end of the block."""
    manager = ConsumerManager(channel, SERVER, consumers, journal or MemoryJournal(), **options)
    await manager.start()
    try:
        yield manager
    finally:
        await manager.drain(drain)


def in_memory() -> tuple[MemoryBus, MemoryChannel, Stage]:
    """A bus of the test's own, a channel for an agent, and the bot's end."""
    bus = MemoryBus("test")
    return bus, MemoryChannel("memory://test", on=bus), Stage(MemoryChannel("memory://test", bus))


class Clock:
    """A wall clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at: datetime = now()

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **time: float) -> None:
        self.at += timedelta(**time)
