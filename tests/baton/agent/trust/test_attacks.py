"""Thousands of forged, altered and recorded requests: none is done, and each reason is right."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from baton.agent.manager import ConsumerManager
from baton.bus.channel import Envelope
from baton.bus.exchanges import DEAD, host_key
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Message, Update
from baton.observer import Observer
from tests.baton.agent.trust.attacks import ATTACKS, Attack
from tests.baton.agent.trust.orders import envelope, trust
from tests.baton.stage import HOST, Worker, agent, request

SEED = 12
COUNT = int(os.environ.get("ATTACKS", "2000"))


class Watched(MemoryChannel):
    """A channel that keeps why messages were buried."""

    def __init__(self) -> None:
        super().__init__("memory://attacks", on=MemoryBus("attacks"))
        self.reasons: list[str] = []

    async def publish(self, exchange: str, key: str, envelope: Envelope, **how: Any) -> None:
        if exchange == DEAD:
            self.reasons.append(envelope.headers["baton-reason"])
        elif not exchange.endswith("out"):
            await super().publish(exchange, key, envelope, **how)


class Ear(Observer):
    """What an agent says of requests."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notify(self, message: Message) -> None:
        if isinstance(message, Update) and message.state.final:
            self.said.append(message.text)


@dataclass
class Given:
    """A delivery that is in nobody's queue."""

    envelope: Envelope
    key: str = host_key(HOST)
    redelivered: bool = False
    settled: list[str] = field(default_factory=list)

    async def ack(self) -> None:
        self.settled.append("ack")

    async def ack_and_fence(self) -> None:
        self.settled.append("ack")

    async def reject(self, *, requeue: bool) -> None:
        self.settled.append("reject")


class Target:
    """An agent that insists on signatures, and what it says about one message."""

    def __init__(self, manager: ConsumerManager, channel: Watched, ear: Ear) -> None:
        self._manager, self._channel, self._ear = manager, channel, ear

    async def hears(self, envelope: Envelope) -> str:
        before = len(self._ear.said), len(self._channel.reasons)
        given = Given(envelope)
        await self._manager._received(given)
        assert given.settled == ["ack"], "it is done with"
        told, buried = self._ear.said[before[0] :], self._channel.reasons[before[1] :]
        self._ear.said.clear()
        self._channel.reasons.clear()
        return " ".join([*told, *buried])


@asynccontextmanager
async def target(worker: Worker) -> AsyncIterator[Target]:
    channel, ear = Watched(), Ear()
    async with agent(channel, [worker], trust=trust(), observers=(ear,)) as manager:
        yield Target(manager, channel, ear)


async def attacked(count: int) -> Counter[str]:
    """Attack an agent so often, with a genuine request and its replay at times; how often by each
    attack."""
    luck, worker, done = random.Random(SEED), Worker(), Counter[str]()
    genuine = []
    async with target(worker) as agent_:
        for number in range(count):
            attack: Attack = luck.choice(ATTACKS)(luck)
            done[attack.name] += 1
            said = await agent_.hears(attack.envelope)
            assert any(reason in said for reason in attack.reasons), (number, attack, said)
            if number % 100 == 0:
                recorded = envelope(order := request())
                genuine.append(order.id)
                for _ in range(3):
                    await agent_.hears(recorded)
                await agent_.hears(replace(recorded, expires=3_600.0))
        assert worker.started == genuine, "what the bot signed starts, once, and nothing else does"
    return done


async def test_attacks_start_nothing() -> None:
    """Altered, cut, of another key, kind, server or time. ATTACKS=100000 meets each byte of a
    request many times."""
    done = await attacked(COUNT)
    assert len(done) == len(ATTACKS)
