"""A worker in memory, as a bot hears it: it takes jobs from work queues, and does with them what a
test says."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import (
    DISCOVER,
    INPUT,
    Queue,
    agent_queue,
    cancel_work_key,
    host_key,
    work_key,
)
from baton.bus.facts import Facts, RunnerFacts
from baton.bus.messages import WORKER, Request, State
from tests.bot.world import Agent

MONTHS = ("april", "may", "june")


def runner(name: str = "report", queue: str = "reports", **changes: Any) -> RunnerFacts:
    """A runner that makes a report of a month."""
    values: dict[str, Any] = {
        "name": name,
        "queue": queue,
        "summary": "Make the report of a month",
        "arguments": {
            "month": {"type": "choice", "of": list(MONTHS), "help": "of which month"},
            "copies": {"type": "integer", "min": 1, "max": 9, "default": 1},
        },
        "timeout": 600.0,
        "accept_within": 300.0,
    }
    return RunnerFacts(**{**values, **changes})


def worker_facts(host: str, *runners: RunnerFacts, environment: str = "prod") -> Facts:
    return Facts(host=host, environment=environment, runners=runners or (runner(),))


class Worker(Agent):
    """A worker of the queues of its `runners`, which says only what it is told to."""

    def __init__(
        self,
        channel: Channel,
        host: str = "worker-1",
        *runners: RunnerFacts,
        environment: str = "prod",
    ) -> None:
        super().__init__(channel, host, environment, waits=True)
        self.facts = worker_facts(host, *runners, environment=environment)

    @override
    async def start(self) -> None:
        inbox, queues = agent_queue(self.host), {each.queue for each in self.facts.runners}
        keys = [host_key(self.host), DISCOVER, *map(cancel_work_key, sorted(queues))]
        await self.channel.declare(inbox, [(INPUT, key) for key in keys])
        await self.channel.consume(inbox, self._came)
        for queue in sorted(queues):
            work = Queue(work_key(queue))
            await self.channel.declare(work, [(INPUT, work_key(queue))])
            await self.channel.consume(work, self._taken)
        await self.beat()

    async def _taken(self, delivery: Delivery) -> None:
        await self._came(delivery)

    @override
    async def _asked(self, request: Request) -> None:
        assert (request.id, request.attempt) not in self.started
        self.started.append((request.id, request.attempt))
        self.requests.append(request)
        await self.report(State.ACCEPTED)

    async def report(
        self, state: State, text: str = "", *, facts: dict[str, Any] | None = None, **changes: Any
    ) -> None:
        """Say how the last job goes."""
        request = self.requests[-1]
        said = {WORKER: self.host, **(facts or {})}
        await self.update(request, state, text, **{"host": request.host, "facts": said, **changes})
