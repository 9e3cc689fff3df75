"""The output exchange: in order, over whatever happens to the bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from baton.agent import output as module
from baton.agent.output import OutputExchange
from baton.bus.channel import Envelope
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Message, State, Update, decode
from baton.errors import BusBlocked, Disconnected, Unconfirmed
from tests.baton.stage import HOST, Stage
from tests.support.wait import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.01)


def update(number: int, text: str = "", level: Any = "info", state: Any = State.RUNNING) -> Update:
    return Update(
        job="j",
        request="r",
        host=HOST,
        environment="prod",
        command="work",
        sequence=number,
        state=state,
        level=level,
        text=text,
    )


class Flaky(MemoryChannel):
    """A channel whose publishes fail as `fate` says; with None they arrive."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__("memory://test", on=bus)
        self.fate: Callable[[Message], BaseException | None] = lambda message: None
        self.after = False
        self.tried: list[Message] = []

    async def publish(self, exchange: str, key: str, envelope: Envelope, **how: Any) -> None:
        message = decode(envelope.body)
        self.tried.append(message)
        error = self.fate(message)
        if error is not None and not self.after:
            raise error
        await super().publish(exchange, key, envelope, **how)
        if error is not None:
            raise error


class Scene:
    def __init__(self) -> None:
        self.bus = MemoryBus("test")
        self.channel = Flaky(self.bus)
        self.stage = Stage(MemoryChannel("memory://test", on=self.bus))
        self.confirmed: list[Message] = []
        self.output = OutputExchange(self.channel, self.confirmed.append)

    @property
    def numbers_confirmed(self) -> list[int]:
        return [message.sequence for message in self.confirmed if isinstance(message, Update)]

    @property
    def heard(self) -> list[int]:
        """The sequences that were heard, repetitions left out, as the ledger does."""
        numbers = [message.sequence for message in self.stage.heard if isinstance(message, Update)]
        return [n for i, n in enumerate(numbers) if n > max(numbers[:i], default=0)]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    await made.stage.listen()
    made.output.start()
    yield made
    await made.output.close()
    await made.channel.close()
    await made.stage.channel.close()


def say(scene: Scene, count: int, start: int = 1) -> list[Update]:
    updates = [update(number) for number in range(start, start + count)]
    for each in updates:
        scene.output.notify(each)
    return updates


async def test_what_is_said_arrives_in_order(scene: Scene) -> None:
    """And each is told to be confirmed, once."""
    said = say(scene, 1000)
    assert await scene.output.flush(10)
    assert scene.stage.heard == said
    assert scene.confirmed == said


@pytest.mark.parametrize("error", [Disconnected, BusBlocked, Unconfirmed])
@pytest.mark.parametrize("arrives", [False, True])
async def test_order_is_kept_over_failures(
    scene: Scene, error: type[Exception], arrives: bool
) -> None:
    """Whichever publish fails, whether it arrived or not, while others are under way: nothing is
    lost, and nothing overtakes what was said before it. Each is told to be confirmed once."""
    failed: set[int] = set()

    def fate(message: Message) -> Exception | None:
        assert isinstance(message, Update)
        if message.sequence % 7 == 0 and message.sequence not in failed:
            failed.add(message.sequence)
            return error()
        return None

    scene.channel.fate, scene.channel.after = fate, arrives
    for start in range(1, 101, 10):
        say(scene, 10, start)
        await asyncio.sleep(0)
    assert await scene.output.flush(10)
    assert scene.heard == list(range(1, 101))
    assert len(failed) == 14
    assert sorted(scene.numbers_confirmed) == list(range(1, 101))


async def test_an_outage_is_waited_out(scene: Scene) -> None:
    """However long it takes; what is said meanwhile follows in order."""
    say(scene, 5)
    scene.bus.down()
    say(scene, 5, 6)
    assert not await scene.output.flush(0.05)
    say(scene, 5, 11)
    scene.bus.up()
    assert await scene.output.flush(10)
    assert scene.heard == list(range(1, 16))


async def test_a_blocked_bus_is_waited_for(scene: Scene) -> None:
    """Nothing is tried while the bus takes nothing."""
    scene.bus.block()
    say(scene, 5)
    assert not await scene.output.flush(0.05)
    scene.bus.up()
    assert await scene.output.flush(10)
    assert scene.heard == [1, 2, 3, 4, 5]


async def test_what_no_queue_takes_waits() -> None:
    """Before the first bot has made its queue, updates are kept, tried one at a time so that none
    overtakes another, and delivered in order."""
    scene = Scene()
    scene.output.start()
    said = say(scene, 50)
    await until(lambda: len(scene.channel.tried) > 3)
    assert {message.id for message in scene.channel.tried} == {said[0].id}
    await scene.stage.listen()
    assert await scene.output.flush(10)
    assert scene.stage.heard == said
    await scene.output.close()


async def test_what_can_never_be_published_holds_up_nothing(scene: Scene) -> None:
    """It is given up, loudly, and not told to be confirmed."""
    scene.channel.fate = lambda message: (
        ValueError("too long") if isinstance(message, Update) and message.sequence == 2 else None
    )
    say(scene, 3)
    assert await scene.output.flush(10)
    assert scene.heard == [1, 3]
    assert scene.numbers_confirmed == [1, 3]


async def test_raw_output_is_dropped_before_memory_is_full(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long outage costs the oldest output, never the last, a state or what a consumer says
    itself; once the bus is back there is room again."""
    monkeypatch.setattr(module, "MAX_WAITING", 1000)
    scene.bus.down()
    for number in range(1, 101):
        scene.output.notify(update(number, "x" * 100, "log"))
    scene.output.notify(update(101, "y" * 5000))
    scene.output.notify(update(102, "done", "success", State.SUCCEEDED))
    scene.bus.up()
    assert await scene.output.flush(10)
    assert scene.heard == [*range(91, 101), 101, 102]
    scene.output.notify(update(103, "x" * 900, "log"))
    assert await scene.output.flush(10)
    assert scene.heard[-1] == 103


async def test_closing_sends_nothing_more(scene: Scene) -> None:
    """What waits is left, whatever is under way."""
    scene.bus.down()
    say(scene, 3)
    await scene.output.close()
    scene.bus.up()
    await scene.output.close()
    assert scene.heard == []
