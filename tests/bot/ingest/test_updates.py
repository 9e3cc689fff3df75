from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from baton.agent.output import key_of
from baton.bus.api import API, to_envelope
from baton.bus.channel import Envelope
from baton.bus.exchanges import BOT_QUEUE, DEAD_QUEUE, OUTPUT
from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat, Message, Pong, Request, State, Update, now
from bot.dispatch.context import Invocation
from bot.dispatch.planner import plan_job
from bot.findings import Findings, LoggedFindings
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateConsumer, UpdateHooks
from bot.jobs import AuditEntry
from tests.bot.build import ANN, OPS, Hail, Ship, server, update
from tests.bot.world import Stage, away, beat
from tests.support.queues import first_of
from tests.support.servers import NoHooks, make_registry
from tests.support.wait import until


class Failing(UpdateHooks):
    """Hooks that fail."""

    def __init__(self) -> None:
        self.received: list[str] = []

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        self._fail(beat)

    @override
    def pong_received(self, pong: Pong) -> None:
        self._fail(pong)

    def _fail(self, message: Message) -> None:
        self.received.append(message.type)
        raise ValueError("a fault")


class Ear:
    """What hears, and a channel to speak over."""

    def __init__(
        self,
        stage: Stage,
        findings: Findings | None = None,
        identity: SenderVerifier | None = None,
        hooks: UpdateHooks | None = None,
    ) -> None:
        self.findings = findings or LoggedFindings()
        self.identity = identity or SenderVerifier()
        self.hooks = hooks or NoHooks()
        self.stage = stage
        self.store = stage.store
        self.mouth = stage.channel()
        self.touched: list[str] = []
        self.requests: dict[str, str] = {}
        """What web-1 was sent, by job."""
        self.registry = make_registry(findings=self.findings)
        self.hearing = self.anew()

    def anew(self) -> UpdateConsumer:
        channel = self.stage.channel()
        self.hearing = UpdateConsumer(
            self.store,
            channel,
            self.registry,
            self.touched.append,
            self.identity,
            self.findings,
            self.hooks,
        )
        return self.hearing

    async def say(self, *messages: Message) -> None:
        for message in messages:
            if isinstance(message, Update) and message.request == "r-web-1":
                message = message.model_copy(update={"request": self.requests[message.job]})
            await API(self.mouth).publish(OUTPUT, key_of(message), message)

    async def asked(self, command: Ship | Hail, *hosts: str) -> str:
        """The id of a job of `command` that was sent."""
        ask = Invocation("words", ANN, OPS, f"key-{time.monotonic_ns()}", now())
        servers = [server(host, "prod", "shop") for host in hosts]
        new = plan_job(command, ask, servers, "bot")
        entry = AuditEntry(ask.at, ANN, OPS, "words", "allowed", job=new.job.id)
        await self.store.ledger.start_job(new, entry)
        at = now()
        await self.store.ledger.settle({row.id: row.accept_by(at) for row in new.outbox}, at=at)
        self.requests[new.job.id] = new.runs[0].request
        return new.job.id

    async def pong(self, job: str, host: str) -> Pong:
        """The answer of `host` to what it was asked in `job`."""
        found = await self.store.ledger.job(job)
        assert found is not None
        request = found[1][0].request
        return Pong(job=job, request=request, facts=Facts(host=host, environment="prod"))

    async def buried(self) -> tuple[str, str]:
        """The reason and the key of a dead letter, once there is one."""
        letter = await until(lambda: first_of(self.mouth, DEAD_QUEUE))
        assert letter is not None
        await letter.ack()
        return letter.envelope.headers["baton-reason"], letter.envelope.headers["baton-key"]

    async def lines(self, job: str) -> list[str]:
        return [line.text for line in await self.store.ledger.output(job)]


@pytest.fixture
async def ear(stage: Stage) -> AsyncIterator[Ear]:
    made = Ear(stage)
    await made.hearing.start()
    yield made
    await made.hearing.stop()


def said(job: str, count: int) -> list[Message]:
    return [
        update(number, text=f"line {number}", level="log", job=job, host="web-1")
        for number in range(1, count + 1)
    ]


async def test_what_servers_say_is_in_the_ledger_in_order(ear: Ear) -> None:
    """Applied, acknowledged, and whoever watches the job is told."""
    job = await ear.asked(Ship(app="shop", environment="prod"), "web-1")
    await ear.say(*said(job, 300), update(301, State.SUCCEEDED, job=job))

    async def ended() -> bool:
        return (await ear.stage.states(job))["web-1"] is State.SUCCEEDED

    await until(ended)
    assert await ear.lines(job) == [f"line {number}" for number in range(1, 301)]
    assert set(ear.touched) == {job}
    assert await ear.mouth.depth(BOT_QUEUE) == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nonsense", "not JSON"),
        (b"{}", "CloudEvents"),
        (to_envelope(beat("web-1")).body, "does not use baton.heartbeat"),
    ],
)
async def test_what_nobody_can_read_is_buried_with_the_reason(
    ear: Ear, body: bytes, reason: str
) -> None:
    """It neither stops the others nor comes again."""
    job = await ear.asked(Ship(app="shop", environment="prod"), "web-1")
    await ear.mouth.publish(OUTPUT, "update.prod.x", Envelope(body, id="odd"))
    await ear.say(*said(job, 1))
    await until(lambda: ear.touched)
    why, key = await ear.buried()
    assert reason in why
    assert key == "update.prod.x"


async def test_a_letter_says_of_its_sender_what_the_bus_has_proven(ear: Ear) -> None:
    """Not what the sender wrote under our names for it."""
    claims = {"baton-user": "bot", "baton-key": "host.web-1", "baton-reason": "none"}
    await ear.mouth.publish(OUTPUT, "update.prod.x", Envelope(b"odd", id="odd", headers=claims))
    letter = await until(lambda: first_of(ear.mouth, DEAD_QUEUE))
    assert letter is not None
    said = letter.envelope.headers
    assert "baton-user" not in said
    assert said["baton-key"] == "update.prod.x"
    assert "not JSON" in said["baton-reason"]


async def test_while_the_database_is_away_nothing_is_lost(ear: Ear) -> None:
    """What comes waits, and is applied in order when it is back."""
    job = await ear.asked(Ship(app="shop", environment="prod"), "web-1")
    with away(ear.store):
        await ear.say(*said(job, 50))
        await asyncio.sleep(0.05)
    await ear.say(update(51, State.SUCCEEDED, job=job, text="done"))

    async def all_there() -> bool:
        return await ear.lines(job) == [*(f"line {n}" for n in range(1, 51)), "done"]

    await until(all_there)


async def test_who_stops_while_the_database_is_away_gives_back(ear: Ear) -> None:
    """The next bot hears what this one could not write down, from the beginning."""
    job = await ear.asked(Ship(app="shop", environment="prod"), "web-1")
    with away(ear.store):
        await ear.say(*said(job, 50))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(ear.hearing.stop(), 60)
    assert await ear.lines(job) == []
    await ear.anew().start()

    async def all_there() -> bool:
        return await ear.lines(job) == [f"line {number}" for number in range(1, 51)]

    await until(all_there)


async def test_a_message_that_breaks_the_ledger_harms_no_other(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours over one message: it is buried, what came with it is applied."""
    job = await ear.asked(Ship(app="shop", environment="prod"), "web-1")
    apply = ear.store.ledger.apply_updates

    async def fussy(messages: list[Message], at: object, strange: object) -> set[str]:
        if any(getattr(message, "text", "") == "line 7" for message in messages):
            raise KeyError("a fault")
        return await apply(messages, at, strange)  # type: ignore[arg-type]

    monkeypatch.setattr(ear.store.ledger, "apply_updates", fussy)
    await ear.say(*said(job, 10))

    async def the_others() -> bool:
        return await ear.lines(job) == [f"line {n}" for n in range(1, 11) if n != 7]

    await until(the_others)
    assert "KeyError" in (await ear.buried())[0]


async def test_a_thousand_pongs_are_written_together(ear: Ear) -> None:
    """A ping of a thousand servers is in the ledger within moments, in few transactions."""
    hosts = [f"web-{number}" for number in range(1000)]
    job = await ear.asked(Hail(environment="prod"), *hosts)
    apply, calls = ear.store.ledger.apply_updates, []

    async def counting(messages: list[Message], at: object, strange: object) -> set[str]:
        calls.append(len(messages))
        return await apply(messages, at, strange)  # type: ignore[arg-type]

    ear.store.ledger.apply_updates = counting  # type: ignore[method-assign, assignment]
    pongs = [await ear.pong(job, host) for host in hosts[:1]]
    pongs += [
        pongs[0].model_copy(update={"id": host, "facts": Facts(host=host, environment="prod")})
        for host in hosts[1:]
    ]
    await asyncio.gather(*(ear.say(pong) for pong in pongs))

    async def all_answered() -> bool:
        return set((await ear.stage.states(job)).values()) == {State.SUCCEEDED}

    await until(all_answered)
    assert len(calls) < 20


async def test_heartbeats_are_in_the_roster_and_in_the_database(ear: Ear) -> None:
    """Other bots and the next start know the servers; a server that leaves is known to."""
    await ear.say(beat("web-1"), beat("web-2", "staging"), beat("web-1", leaving=True))
    await until(lambda: len(ear.registry.servers()) == 2)

    async def kept() -> dict[str, bool]:
        heard = await ear.store.servers.all()
        found = {one.facts.host: one.leaving for one in heard}
        return found if found == {"web-1": True, "web-2": False} else {}

    await until(kept)
    assert [seen.missing for seen in ear.registry.servers()] == [True, False]


async def test_a_heartbeat_does_not_wait_for_the_database(ear: Ear) -> None:
    """The registry in memory has it at once, and the next one follows anyway."""
    with away(ear.store):
        await ear.say(beat("web-1"))
        await until(lambda: ear.registry.servers())


async def test_an_odd_heartbeat_is_buried(ear: Ear) -> None:
    """So that somebody can see who sends such things."""
    request = Request(job="j", command="ship", environment="prod", deadline=now(), requester=ANN)
    await ear.mouth.publish(OUTPUT, "heartbeat.prod.x", to_envelope(request))
    assert "does not use baton.request" in (await ear.buried())[0]


async def test_a_listener_that_fails_keeps_no_word_from_the_ledger(ear: Ear) -> None:
    """Nor does it end the hearing: each heartbeat and each answer is for itself."""
    failing = Failing()
    ear.hooks = failing
    await ear.hearing.stop()
    await ear.anew().start()
    job = await ear.asked(Hail(environment="prod"), "web-1")
    await ear.say(beat("web-1"), beat("web-2"))
    await ear.say(await ear.pong(job, "web-1"))
    await until(lambda: len(ear.registry.servers()) == 2)

    async def ended() -> bool:
        return (await ear.stage.states(job))["web-1"] is State.SUCCEEDED

    await until(ended)
    assert sorted(failing.received) == ["baton.heartbeat", "baton.heartbeat", "baton.pong"]
    assert await ear.mouth.depth(DEAD_QUEUE) == 0


async def test_a_heartbeat_that_breaks_the_registry_is_buried_once(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, it does not come again, and the next one is heard."""
    record, calls = ear.registry.record, []

    def fussy(message: Heartbeat, **options: Any) -> object:
        calls.append(message.facts.host)
        if message.facts.host == "web-1":
            raise KeyError("a fault")
        return record(message, **options)

    monkeypatch.setattr(ear.registry, "record", fussy)
    await ear.say(beat("web-1"), beat("web-2"))
    assert "KeyError" in (await ear.buried())[0]
    await until(lambda: ear.registry.servers())
    assert sorted(calls) == ["web-1", "web-2"]
    assert ear.hearing.rejected == {"fault": 1}
