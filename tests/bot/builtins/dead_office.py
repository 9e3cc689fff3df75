"""A dispatcher over a bus with dead letters, and the letters that tests put there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from baton.bus.api import to_envelope
from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.exchanges import DEAD, DEAD_BINDINGS, DEAD_QUEUE, INPUT, Queue, host_key
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.memory.delivery import MemoryDelivery
from baton.bus.messages import Person, Request, State, Update, now
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.store import Store
from tests.bot.counter import Counter
from tests.support.queues import first_of

AGENT, REPORTS = Queue("agent.web-1"), Queue("work.reports")
KEEPER = Policy(
    [
        Rule(who=("U_ANN",), commands=("dead",)),
        Rule(who=("U_BEN",), commands=("ship", "hail")),
    ],
    {"secret": EnvironmentTable(protected=True)},
)


class SlowlyBack(MemoryChannel):
    """Puts back what was taken `after` so many seconds."""

    after = 0.05

    async def get(self, queue: Queue, most: int) -> list[MemoryDelivery]:
        found = await super().get(queue, most)
        return [cast(MemoryDelivery, Returned(one, self.after)) for one in found]


class Returned:
    """A message that goes back slowly."""

    def __init__(self, delivery: Delivery, after: float) -> None:
        self._delivery = delivery
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delivery, name)

    async def reject(self, *, requeue: bool) -> None:
        """Put it back later."""

        async def later() -> None:
            await asyncio.sleep(self._after)
            await self._delivery.reject(requeue=requeue)

        LATER.add(asyncio.create_task(later()))


LATER: set[asyncio.Task[None]] = set()
"""What is still to go back."""


class Office(Counter):
    """A dispatcher over a bus with dead letters."""

    def __init__(
        self, store: Store, policy: Policy | None = None, channel: Channel | None = None
    ) -> None:
        self.channel = channel or MemoryChannel("memory://baton@test", on=MemoryBus("test"))
        super().__init__(store, policy, channel=self.channel)

    async def open(self) -> Office:
        await self.channel.declare(DEAD_QUEUE, DEAD_BINDINGS)
        await self.channel.declare(AGENT, [(INPUT, host_key("web-1"))])
        await self.channel.declare(REPORTS, [(INPUT, "work.reports")])
        return self

    async def bury(
        self, envelope: Envelope, reason: str, key: str, headers: Mapping[str, str] = {}
    ) -> None:
        said = {"baton-reason": reason, "baton-key": key, "baton-user": "baton", **headers}
        buried = Envelope(**{**fields(envelope), "headers": said})
        await self.channel.publish(DEAD, "x", buried)

    async def letters(self) -> int | None:
        return await self.channel.depth(DEAD_QUEUE)

    async def taken(self, queue: Queue) -> list[Envelope]:
        """What `queue` holds."""
        found = []
        while (delivery := await first_of(self.channel, queue)) is not None:
            await delivery.ack()
            found.append(delivery.envelope)
        return found


def fields(envelope: Envelope) -> dict[str, Any]:
    return {
        "body": envelope.body,
        "id": envelope.id,
        "type": envelope.type,
        "correlation": envelope.correlation,
        "timestamp": envelope.timestamp,
    }


def order(
    name: str = "0rder001",
    *,
    environment: str = "prod",
    seconds: float = 300.0,
    fence: int | None = None,
) -> Envelope:
    return to_envelope(
        Request(
            id=name,
            job="j1",
            command="ship",
            arguments={"app": "shop", "environment": environment},
            environment=environment,
            host="web-1",
            deadline=now() + timedelta(seconds=seconds),
            requester=Person(id="U_ANN"),
            fence=fence,
        )
    )


def report(name: str, environment: str = "prod") -> Envelope:
    return to_envelope(
        Update(
            id=name,
            job="j1",
            request="r1",
            host="web-1",
            environment=environment,
            command="ship",
            sequence=1,
            state=State.RUNNING,
        )
    )
