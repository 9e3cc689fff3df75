"""A monitor of one's own: it hears what servers report, and one bad message hurts no other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from baton import Channel, Facts, Heartbeat, Monitor, Pong, State, Update, connect
from baton.bus.api import API
from baton.bus.channel import Envelope
from baton.bus.exchanges import OUTPUT
from baton.bus.messages import Message, new_id
from baton.errors import BusRefused, ExtensionError, Unroutable
from tests.support.broker import Broker
from tests.support.wait import until


class Heard(Monitor):
    """Remembers what was said; some of it it cannot handle."""

    name = "heard"
    timeout: ClassVar[float] = 0.2

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self.texts: list[str] = []
        self.busy = False

    async def on_update(self, update: Update) -> None:
        if update.text == "bad":
            raise ZeroDivisionError
        if update.text == "slow":
            self.busy = True
            await asyncio.Event().wait()
        await asyncio.sleep(0.01 if update.text == "1" else 0)
        self.texts.append(update.text)


class OfProd(Heard):
    name = "of-prod"
    environments = ("prod", "prod.eu")

    async def on_pong(self, pong: Pong) -> None:
        self.texts.append(pong.facts.host)


def update(text: str, environment: str = "prod", message: str = "") -> Update:
    return Update(
        id=message or new_id(),
        job="j1",
        request="r1",
        host="web-1",
        environment=environment,
        command="disk",
        sequence=1,
        state=State.RUNNING,
        text=text,
    )


async def say(channel: Channel, *messages: Message, environment: str = "prod") -> None:
    for message in messages:
        kind = message.type.removeprefix("baton.")
        await API(channel).publish(OUTPUT, f"{kind}.{environment}.x", message)


@asynccontextmanager
async def running(monitor: Heard, bot: Channel) -> AsyncIterator[None]:
    """The monitor, once the last of its keys is bound."""
    task = asyncio.create_task(monitor.run())
    await until(lambda: _bound(bot, monitor))
    try:
        yield
    finally:
        monitor.stop()
        await task


async def _bound(bot: Channel, monitor: Monitor) -> bool:
    exchange, key = monitor.bindings[-1]
    try:
        await bot.publish(exchange, key.replace("#", "x"), Envelope(NEWER), mandatory=True)
    except Unroutable:
        return False
    return True


NEWER = b'{"specversion":"1.0","type":"of a newer version"}'


@pytest.fixture(params=["memory", "rabbitmq"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return f"memory://{new_id()}"
    found: str = request.getfixturevalue("amqp_url")
    return found


@pytest.fixture
async def bot(url: str) -> AsyncIterator[Channel]:
    """The owner of the exchanges, who also speaks for all servers."""
    channel = await connect(url, owner=True)
    await asyncio.wait_for(channel.wait_up(), 60)
    yield channel
    await channel.close()


async def test_it_hears_in_order_and_a_bad_message_hurts_no_other(url: str, bot: Channel) -> None:
    """What cannot be read, what its method cannot handle, and what takes too long is left behind;
    what comes twice is handled once."""
    monitor = Heard(await connect(url))
    async with running(monitor, bot):
        await say(bot, update("1"), update("bad"), update("2"), update("slow"))
        await bot.publish(OUTPUT, "update.prod.x", Envelope(b"not JSON"))
        await bot.publish(OUTPUT, "update.prod.x", Envelope(NEWER))
        twice = update("3", message="twice")
        await say(bot, twice, twice, update("4"))
        await until(lambda: monitor.texts[-1:] == ["4"])
        assert monitor.texts == ["1", "2", "3", "4"]
        assert monitor.failed == 3


async def test_it_hears_what_came_while_it_was_away(url: str, bot: Channel) -> None:
    """The queue is its own and keeps messages; they are not taken from the bot's."""
    async with running(Heard(await connect(url)), bot):
        pass
    await say(bot, update("1"), update("2"))
    monitor = Heard(await connect(url))
    async with running(monitor, bot):
        await until(lambda: monitor.texts == ["1", "2"])


async def test_what_it_has_not_handled_stays_in_the_queue(url: str, bot: Channel) -> None:
    """One that is stopped ends after the message that it is at; the next one goes on there."""
    monitor = Heard(await connect(url))
    async with running(monitor, bot):
        await say(bot, update("slow"), update("1"), update("2"))
        await until(lambda: monitor.busy)
    assert monitor.texts == []
    monitor = Heard(await connect(url))
    async with running(monitor, bot):
        await until(lambda: monitor.texts == ["1", "2"])


async def test_only_what_it_has_a_method_for_comes(url: str, bot: Channel) -> None:
    """The broker sends nothing else, and of the environments that it names."""
    assert Heard(await connect(url)).bindings == [(OUTPUT, "update.#")]
    monitor = OfProd(await connect(url))
    assert monitor.bindings == [
        (OUTPUT, "update.prod.#"),
        (OUTPUT, "update.prod-eu.#"),
        (OUTPUT, "pong.prod.#"),
        (OUTPUT, "pong.prod-eu.#"),
    ]
    async with running(monitor, bot):
        facts = Facts(host="web-1", environment="prod")
        await say(bot, update("1"), Heartbeat(facts=facts, interval=15.0))
        await say(bot, update("of staging"), environment="staging")
        await say(bot, Pong(job="j1", request="r1", facts=facts))
        await until(lambda: monitor.texts == ["1", "web-1"])


class Unnamed(Heard):
    name = "a name"


class Deaf(Monitor):
    name = "deaf"


async def test_one_that_could_never_work() -> None:
    """It is refused where it is made."""
    channel = await connect("memory://x")
    with pytest.raises(ExtensionError, match="'a name' is not a valid name"):
        Unnamed(channel)
    with pytest.raises(ExtensionError, match="none of the methods on_update, on_pong"):
        Deaf(channel)


async def test_its_account_needs_only_its_queue(broker: Broker, amqp_url: str) -> None:
    """With the rights that docs/first-command.md grants it works; with fewer it says what is
    missing."""
    bot = await connect(amqp_url, owner=True)
    await asyncio.wait_for(bot.wait_up(), 60)
    account = broker.user(amqp_url, "monitor")
    broker.grant(
        account, r"^monitor\.heard$", r"^monitor\.heard$", r"^(monitor\.heard|baton\.out)$"
    )
    monitor = Heard(await connect(account))
    async with running(monitor, bot):
        await say(bot, update("1"))
        await until(lambda: monitor.texts == ["1"])
    broker.grant(account, "^$", "^$", "^$")
    with pytest.raises(BusRefused, match=r"monitor\.heard"):
        await Heard(await connect(account)).run()
    await bot.close()


PROGRAM = """
from baton import Monitor, Update

class Told(Monitor):
    name = "told"

    async def on_update(self, update: Update) -> None:
        print(update.text, flush=True)

Told.main()
"""


async def test_a_program_of_it(amqp_url: str, tmp_path: Path) -> None:
    """It runs until a signal, and ends in good order; an error is one line."""
    bot = await connect(amqp_url, owner=True)
    await asyncio.wait_for(bot.wait_up(), 60)
    file = tmp_path / "told.py"
    file.write_text(PROGRAM)

    async def started(url: str) -> asyncio.subprocess.Process:
        env = {**os.environ, "BATON_BUS_URL": url}
        return await asyncio.create_subprocess_exec(
            sys.executable, file, env=env, stdout=PIPE, stderr=PIPE
        )

    process = await started(amqp_url)
    assert process.stdout is not None
    reading = asyncio.create_task(process.stdout.readline())

    async def heard() -> bool:
        await say(bot, update("web-1 is full"))
        return reading.done()

    await until(heard, every=0.1)
    assert await reading == b"web-1 is full\n"
    process.send_signal(signal.SIGTERM)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()

    process = await started("")
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert err.decode().splitlines() == [
        "told: the environment: BATON_BUS_URL: is not set. It must be a URL such as "
        "amqps://user:password@host."
    ]
    await bot.close()
