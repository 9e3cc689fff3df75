from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat, State, now
from bot.dispatch.context import Invocation
from bot.dispatch.planner import plan_job
from bot.jobs import AuditEntry, OutboxMessage
from bot.outbox.relay import OutboxRelay
from bot.store.jobs.outbox import NO_AGENT
from tests.bot.build import ANN, OPS, Hail, Ship, server
from tests.bot.world import Agent, Stage, away
from tests.support.servers import make_registry
from tests.support.wait import until

HOSTS = ("web-1", "web-2")


class Outbox:
    """A sender at work on a store."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.store = stage.store
        self.channel = stage.channel()
        self.touched: list[str] = []
        self.registry = make_registry()
        self.channel.on_link(self.registry.link_changed)
        self.registry.link_changed(self.channel.link)
        self.sender = OutboxRelay(
            self.store, self.channel, self.touched.append, self.registry, poll=0.05
        )
        self._keys = 0
        self.start()

    def start(self) -> None:
        self._task = asyncio.create_task(self.sender.run())

    async def put(self, command: Ship | Hail, *, seconds: float = 60.0) -> str:
        """Put a job in the outbox, whose messages may be sent for `seconds`; its id."""
        self._keys += 1
        ask = Invocation("words", ANN, OPS, f"key-{self._keys}", now())
        new = plan_job(command, ask, [server(host, "prod", "shop") for host in HOSTS], "bot")
        deadline = ask.at + timedelta(seconds=seconds)
        outbox = tuple(replace(sending, deadline=deadline) for sending in new.outbox)
        entry = AuditEntry(ask.at, ANN, OPS, "words", "allowed", job=new.job.id)
        await self.store.ledger.start_job(replace(new, outbox=outbox), entry)
        self.sender.wake()
        return new.job.id

    async def become(self, job: str, *states: State) -> None:
        """Return once the runs of `job` are in `states`, host by host."""

        async def are() -> bool:
            found = await self.stage.states(job)
            return [found[host] for host in HOSTS] == list(states)

        await until(are)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


@pytest.fixture
async def outbox(stage: Stage) -> AsyncIterator[Outbox]:
    made = Outbox(stage)
    yield made
    await made.close()


async def test_a_request_reaches_its_server(outbox: Outbox) -> None:
    """Sent, confirmed, taken out of the outbox; who watches the job is told."""
    agents = [await outbox.stage.agent(host, waits=True) for host in HOSTS]
    job = await outbox.put(Ship(app="shop", environment="prod"))
    await outbox.become(job, State.SENT, State.SENT)
    assert [len(agent.started) for agent in agents] == [1, 1]
    assert await outbox.store.ledger.outbox() == []
    assert outbox.touched == [job]


async def test_nobody_listening_is_known_within_a_second(outbox: Outbox) -> None:
    """The server without an agent is closed as unroutable, the others go on."""
    await outbox.stage.agent("web-1", waits=True)
    asked = time.monotonic()
    job = await outbox.put(Ship(app="shop", environment="prod"))
    await outbox.become(job, State.SENT, State.UNROUTABLE)
    assert time.monotonic() - asked < 10.0


async def test_a_broadcast_that_nobody_hears_closes_the_job(outbox: Outbox) -> None:
    """All its runs are unroutable, and the job is over."""
    job = await outbox.put(Hail(environment="prod"))
    await outbox.become(job, State.UNROUTABLE, State.UNROUTABLE)
    found = await outbox.store.ledger.job(job)
    assert found is not None
    assert found[0].closed is not None


@pytest.mark.parametrize("outage", ["down", "block"])
async def test_what_cannot_be_sent_waits(
    outbox: Outbox, outage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the bus is away or takes nothing the request waits in the outbox, and then goes."""
    read, looks = outbox.store.ledger.outbox, []

    async def look(limit: int) -> Sequence[OutboxMessage]:
        looks.append(await read(limit))
        return looks[-1]

    monkeypatch.setattr(outbox.store.ledger, "outbox", look)
    agents = [await outbox.stage.agent(host, waits=True) for host in HOSTS]
    getattr(outbox.stage.bus, outage)()
    job = await outbox.put(Ship(app="shop", environment="prod"))
    await until(lambda: len(list(filter(None, looks))) > 1)  # nor was it sent after the first look
    assert set((await outbox.stage.states(job)).values()) == {State.QUEUED}
    outbox.stage.bus.up()
    await outbox.become(job, State.SENT, State.SENT)
    assert [len(agent.started) for agent in agents] == [1, 1]


async def test_past_its_deadline_nothing_is_sent(outbox: Outbox) -> None:
    """An outage that outlasts the deadline ends as expired, never as a late surprise."""
    agent = await outbox.stage.agent("web-1")
    outbox.stage.bus.down()
    job = await outbox.put(Ship(app="shop", environment="prod"), seconds=0.1)
    await outbox.become(job, State.EXPIRED, State.EXPIRED)
    outbox.stage.bus.up()
    later = await outbox.put(Ship(app="shop", environment="prod"))
    await outbox.become(later, State.SENT, State.UNROUTABLE)
    assert len(agent.started) == 1


async def test_what_was_not_sent_in_time_says_whose_fault_it_was(outbox: Outbox) -> None:
    """The bus was away: the run names it, and nothing is said of the server."""
    outbox.stage.bus.down()
    await until(lambda: outbox.registry.blind_since is not None)
    job = await outbox.put(Ship(app="shop", environment="prod"), seconds=0.1)
    await outbox.become(job, State.EXPIRED, State.EXPIRED)
    found = await outbox.store.ledger.job(job)
    assert found is not None
    assert {run.text.rpartition(" for ")[0] for run in found[1]} == {
        "not sent: RabbitMQ was unreachable"
    }
    assert all(run.unsent for run in found[1])


async def test_a_bot_that_was_away_says_so(outbox: Outbox) -> None:
    """A request whose time was over before any bot was there to send it."""
    await outbox.close()
    job = await outbox.put(Ship(app="shop", environment="prod"), seconds=0.01)
    later = now() + timedelta(seconds=0.01)
    await until(lambda: now() > later)
    outbox.start()
    await outbox.become(job, State.EXPIRED, State.EXPIRED)
    found = await outbox.store.ledger.job(job)
    assert found is not None
    assert {run.text.rpartition(" for ")[0] for run in found[1]} == {"not sent: no bot was running"}


async def test_how_long_a_server_has_counts_from_the_sending(outbox: Outbox) -> None:
    """An outage shorter than the patience of the outbox takes nothing from the server's time."""
    agent = await outbox.stage.agent("web-1", waits=True)
    outbox.stage.bus.down()
    job = await outbox.put(Hail(environment="prod"))
    await until(lambda: outbox.registry.blind_since is not None)
    begun = now()
    outbox.stage.bus.up()
    await outbox.become(job, State.SENT, State.SENT)
    found = await outbox.store.ledger.job(job)
    assert found is not None
    within = timedelta(seconds=Hail.accept_within)
    assert all(run.sent is not None and run.deadline == run.sent + within for run in found[1])
    assert all(run.sent is not None and run.sent >= begun for run in found[1])
    await until(lambda: bool(agent.requests))
    (request,) = agent.requests
    assert request.time >= begun
    assert request.deadline == request.time + within


async def test_a_database_that_goes_away_after_sending_starts_nothing_twice(
    outbox: Outbox,
) -> None:
    """What was sent and could not be noted is sent again, under the same id."""
    agents = [await outbox.stage.agent(host, waits=True) for host in HOSTS]
    outbox.stage.bus.down()
    job = await outbox.put(Ship(app="shop", environment="prod"))
    with away(outbox.store, writes_only=True):
        outbox.stage.bus.up()
        await until(lambda: all(agent.started for agent in agents))
    await outbox.become(job, State.SENT, State.SENT)
    assert [len(agent.started) for agent in agents] == [1, 1]


async def test_what_cannot_be_sent_at_all_does_not_keep_the_others(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name too long for the bus, say: it waits until it expires, and the rest is sent."""
    publish = outbox.channel.publish

    async def fussy(exchange: str, key: str, *args: object, **named: object) -> None:
        if key == "host.web-2":
            raise ValueError("a key has 255 bytes at most")
        await publish(exchange, key, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox.channel, "publish", fussy)
    await outbox.stage.agent("web-1", waits=True)
    job = await outbox.put(Ship(app="shop", environment="prod"), seconds=0.7)
    await outbox.become(job, State.SENT, State.QUEUED)
    await outbox.become(job, State.SENT, State.EXPIRED)


async def test_many_requests_go_together(outbox: Outbox) -> None:
    """Confirms are awaited together: two hundred jobs take no two hundred round trips."""
    agents: list[Agent] = [await outbox.stage.agent(host, waits=True) for host in HOSTS]
    jobs = [await outbox.put(Ship(app="shop", environment="prod")) for _ in range(200)]
    await outbox.become(jobs[-1], State.SENT, State.SENT)
    assert len({request for agent in agents for request, _ in agent.started}) == 400


async def test_a_server_just_heard_is_not_called_gone(outbox: Outbox) -> None:
    """Heard a moment ago and yet without a queue: RabbitMQ lost the binding, not the agent. It
    says so, and when to ask again."""
    facts = Facts(host="web-1", environment="prod")
    outbox.registry.record(Heartbeat(facts=facts, interval=15))
    job = await outbox.put(Ship(app="shop", environment="prod"))
    await outbox.become(job, State.UNROUTABLE, State.UNROUTABLE)
    record = await outbox.store.ledger.job(job)
    assert record is not None
    text = {run.host: run.text for run in record[1]}
    assert text["web-1"].startswith("the last heartbeat came 0")
    assert "no queue bound to host.web-1" in text["web-1"]
    assert "within 15 s; try again" in text["web-1"]
    assert text["web-2"] == NO_AGENT
