"""Who says this: an account, a key and a run are compared with what we know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from alerts import Severity
from baton.agent.output import key_of
from baton.bus.api import API
from baton.bus.exchanges import OUTPUT
from baton.bus.facts import Facts
from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import Heartbeat, Message, Pong, Probed, State, Update, now
from bot.alerting.consumer import AlertConsumer
from bot.alerting.sink import StoredAlertSink
from bot.ingest.rejections import Rejections
from bot.ingest.sender_verification import SenderVerifier
from tests.bot.build import Hail, Ship
from tests.bot.ingest.test_updates import Ear
from tests.bot.worker import worker_facts
from tests.bot.world import Stage, beat
from tests.support.servers import RecordedFindings, make_registry
from tests.support.wait import until

if TYPE_CHECKING:
    pass


class Court(Ear):
    """What hears, by a given judge, and mouths that speak by different accounts."""

    def __init__(self, stage: Stage, *, required: bool = False) -> None:
        self.told = RecordedFindings()
        self.identity = SenderVerifier(required=required)
        super().__init__(stage, self.told, self.identity)

    async def say_as(self, account: str, message: Message, key: str = "") -> None:
        url = self.mouth.url.replace("memory://", f"memory://{account}@")
        mouth = MemoryChannel(url, on=self.mouth._bus)
        await API(mouth).publish(OUTPUT, key or key_of(message), message)
        await mouth.close()

    async def update(self, of: str, **changes: Any) -> Update:
        found = await self.store.ledger.job(of)
        assert found is not None
        values: dict[str, Any] = {
            "job": of,
            "request": found[1][0].request,
            "host": "web-1",
            "environment": "prod",
            "command": found[0].command,
            "sequence": 1,
            "state": State.SUCCEEDED,
        }
        return Update(**{**values, **changes})

    async def state(self, job: str, host: str = "web-1") -> State | None:
        return (await self.stage.states(job)).get(host)


@pytest.fixture
async def court(stage: Stage) -> AsyncIterator[Court]:
    made = Court(stage)
    await made.hearing.start()
    yield made
    await made.hearing.stop()


@pytest.fixture
async def strict(stage: Stage) -> AsyncIterator[Court]:
    made = Court(stage, required=True)
    await made.hearing.start()
    yield made
    await made.hearing.stop()


SHIP = Ship(app="shop", environment="prod")


async def test_an_agent_speaks_for_its_own_host_only(court: Court) -> None:
    """RabbitMQ proves the account, and it names the host: what it says of another one is not
    applied, is buried, and people are told by whom."""
    job = await court.asked(SHIP, "web-1")
    await court.say_as("agent.web-2", await court.update(job))
    reason, _ = await court.buried()
    assert reason == "the account agent.web-2 sent it in the name of web-1"
    assert await court.state(job) is State.SENT
    (finding,) = court.told.all
    assert (finding.name, finding.about) == ("identity", {"account": "agent.web-2"})
    assert finding.severity is Severity.CRITICAL
    assert court.hearing.rejected == {"identity": 1}
    await court.say_as("agent.web-1", await court.update(job))
    await until(lambda: court.touched)
    assert await court.state(job) is State.SUCCEEDED


@pytest.mark.parametrize("account", ["agent.web-2", "agent.", "agent.web-1.example.org"])
@pytest.mark.parametrize("kind", ["heartbeat", "pong"])
async def test_nor_does_a_heartbeat_or_an_answer_of_another(
    court: Court, account: str, kind: str
) -> None:
    """Whatever kind of message it is."""
    job = await court.asked(Hail(environment="prod"), "web-1")
    message = beat("web-1") if kind == "heartbeat" else await court.pong(job, "web-1")
    await court.say_as(account, message)
    assert "sent it in the name of web-1" in (await court.buried())[0]
    assert court.registry.servers() == []
    assert await court.state(job) is State.SENT


async def test_a_host_that_has_proven_itself_is_not_believed_without_proof(court: Court) -> None:
    """Nobody with the shared account speaks for it any more, until people forget it."""
    await court.say_as("agent.web-1", beat("web-1"))
    await until(lambda: court.registry.servers())
    await court.say_as("baton", beat("web-1", "staging"))
    assert "which has the account agent.web-1" in (await court.buried())[0]
    await court.say(beat("web-1", leaving=True))
    assert "a sender that names no account" in (await court.buried())[0]
    assert [seen.missing for seen in court.registry.servers()] == [False]
    court.identity.forget("web-1")
    await court.say(beat("web-1", leaving=True))
    await until(lambda: court.registry.servers()[0].missing)


@pytest.mark.parametrize("account", ["baton", "agent.web-2", ""])
async def test_where_it_is_required_only_proof_counts(strict: Court, account: str) -> None:
    """No shared account, and no sender without one."""
    if account:
        await strict.say_as(account, beat("web-1"))
    else:
        await strict.say(beat("web-1"))
    assert "sent it in the name of web-1" in (await strict.buried())[0]
    assert strict.registry.servers() == []
    await strict.say_as("agent.web-1", beat("web-1"))
    await until(lambda: strict.registry.servers())


async def test_agents_that_share_an_account_are_believed_unless_it_is_required(
    court: Court,
) -> None:
    """As before there were accounts for each."""
    await court.say_as("baton", beat("web-1"))
    await court.say(beat("web-2"))
    await until(lambda: len(court.registry.servers()) == 2)
    assert court.told.all == []


@pytest.mark.parametrize("key", ["heartbeat.prod.web-1", "update.staging.ship", "pong.prod.x"])
async def test_a_key_of_another_environment_or_kind_is_not_believed(court: Court, key: str) -> None:
    """The broker may hold an account to the keys of its environment (topic permissions)."""
    job = await court.asked(SHIP, "web-1")
    message = await court.update(job) if key[0] != "h" else beat("web-1", "staging")
    await court.say_as("baton", message, key)
    assert "has the routing key" in (await court.buried())[0]
    assert await court.state(job) is State.SENT
    assert court.registry.servers() == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"request": "another"}, "its request ID is not the one that was sent"),
    ({"command": "evil"}, "the job's command is ship"),
    ({"environment": "staging"}, "it reports staging, but the job is for prod"),
    ({"host": "web-9"}, "nobody requested it"),
    ({"attempt": 2}, "nobody requested it"),
    ({"job": "n0sUCHj0b"}, "nobody requested it"),
    ({"request": "another", "sequence": 2**31 - 1}, "its request ID is not"),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG)
async def test_what_belongs_to_no_run_of_ours_is_not_applied(
    court: Court, wrong: dict[str, Any], reason: str
) -> None:
    """It is buried, counted and a critical alert; what the server itself says counts as ever, also
    when it comes in the same moment."""
    job = await court.asked(SHIP, "web-1")
    await court.say(
        await court.update(job, **{"text": "evil (<!here>)", **wrong}),
        await court.update(job, text="all is well"),
    )
    assert (await court.buried())[0].startswith(reason)

    async def ended() -> bool:
        return await court.state(job) is State.SUCCEEDED

    await until(ended)
    assert await court.lines(job) == ["all is well"]
    (finding,) = court.told.all
    assert (finding.name, finding.severity) == ("unasked", Severity.CRITICAL)
    assert finding.about == {"host": wrong.get("host", "web-1")}
    assert court.hearing.rejected == {"unasked": 1}


async def test_an_answer_to_another_request_is_not_applied(court: Court) -> None:
    """Of a broadcast too, and from another environment neither."""
    job = await court.asked(Hail(environment="prod"), "web-1")
    good = await court.pong(job, "web-1")
    await court.say(good.model_copy(update={"request": "another"}))
    await court.buried()
    elsewhere = Facts(host="web-7", environment="staging")
    await court.say(good.model_copy(update={"facts": elsewhere}))
    await court.buried()
    assert await court.stage.states(job) == {"web-1": State.SENT}
    assert court.told.names == ["unasked", "unasked"]


async def test_a_server_does_not_move_on_a_word(court: Court) -> None:
    """It stays where it is, and in the database; people are told, and what to do."""
    await court.say(beat("web-1"))
    await until(lambda: court.registry.servers())
    await court.say(beat("web-1", "staging"))
    await court.buried()
    (seen,) = court.registry.servers()
    assert (seen.facts.environment, seen.notes) == ("prod", ("claims to be in staging",))
    (finding,) = court.told.all
    assert (finding.name, finding.about) == ("moved", {"host": "web-1", "env": "prod"})
    assert "/baton forget web-1" in finding.text

    async def kept() -> list[str]:
        return [one.facts.environment for one in await court.store.servers.all()]

    assert await until(kept) == ["prod"]


async def test_a_forgotten_server_is_forgotten_by_every_bot(court: Court) -> None:
    """They share the database; it is there again once it is heard after that."""
    await court.say(beat("web-1"), beat("web-2"))

    async def kept() -> list[str]:
        return [one.facts.host for one in await court.store.servers.all()]

    await until(lambda: len(court.registry.servers()) == 2)

    async def both() -> bool:
        return len(await kept()) == 2

    await until(both)
    at = now()
    await court.store.servers.forget("web-1", at)
    assert await kept() == ["web-2"]
    assert await court.store.servers.forgotten() == {"web-1": at}
    await court.say(beat("web-1"))

    await until(both)
    assert await court.store.servers.forgotten() == {}


@pytest.mark.parametrize(
    "message",
    [
        Probed(probe="p", host="web-1", environment="prod", bad=False),
        Pong(job="j", request="r", facts=Facts(host="web-1", environment="prod")),
        beat("web-1"),
    ],
)
def test_one_judge_for_all_that_agents_say(message: Any) -> None:
    """By the account, whatever the kind."""

    def judge(user: str) -> str:
        return SenderVerifier().doubt(message, user, key_of(message))

    assert judge("agent.web-1") == ""
    assert judge("agent.web-2") == "the account agent.web-2 sent it in the name of web-1"
    assert judge("agent.web-1\u202e").startswith("the account agent.web-1 sent"), "printable"


async def test_the_answer_to_a_probe_is_believed_of_its_own_agent_only(court: Court) -> None:
    """Of another account it is a dead letter and a finding, and decides nothing."""
    answers: list[Probed] = []
    consumer = AlertConsumer(
        court.stage.channel(),
        StoredAlertSink(cast(Any, None), {}),
        answers.append,
        Rejections(court.told),
        court.identity,
        court.told,
    )
    await consumer.start()
    forged = Probed(probe="p1", host="web-1", environment="prod", bad=False, text="all is well")
    true = forged.model_copy(update={"bad": True, "text": "it is full"})
    await court.say_as("agent.web-2", forged)
    await court.say_as("agent.web-1", true)
    await until(lambda: answers)
    assert [answer.text for answer in answers] == ["it is full"]
    assert court.told.names == ["identity"]
    assert "agent.web-2" in (await court.buried())[0]
    await consumer.stop()


def of_queue(**changes: Any) -> Update:
    values: dict[str, Any] = {
        "job": "j1",
        "request": "r1",
        "host": "work.reports",
        "environment": "prod",
        "command": "report",
        "sequence": 1,
        "state": State.RUNNING,
        "facts": {"worker": "worker-1"},
    }
    return Update(**{**values, **changes})


@pytest.mark.parametrize(
    ("account", "named", "required", "doubt"),
    [
        ("agent.worker-1", "worker-1", True, ""),
        ("agent.worker-1", "worker-2", True, "sent it in the name of worker-2"),
        ("agent.web-1", "web-1", False, "no heartbeat of web-1 names that queue"),
        ("shared", "worker-1", False, ""),
        ("shared", "worker-1", True, "only the account agent.WORKER of a worker may"),
        ("", "worker-1", True, "a sender that names no account"),
    ],
)
def test_a_worker_speaks_for_the_queues_that_its_heartbeat_names(
    account: str, named: str, required: bool, doubt: str
) -> None:
    """For no others, and not in the name of another worker."""
    registry = make_registry()
    registry.record(Heartbeat(facts=worker_facts("worker-1"), interval=15.0))
    registry.record(beat("web-1"))
    judge = SenderVerifier(required=required, serves=registry.serves)
    message = of_queue(facts={"worker": named})
    said = judge.doubt(message, account, key_of(message))
    assert (doubt in said) if doubt else (said == "")


def test_a_proven_worker_is_believed_by_its_account_alone() -> None:
    """As a server is. And nobody speaks for a queue while a server has the name that stands for it
    in the ledger."""
    registry = make_registry()
    registry.record(Heartbeat(facts=worker_facts("worker-1"), interval=15.0))
    judge = SenderVerifier(serves=registry.serves)
    message = of_queue()
    assert judge.doubt(message, "agent.worker-1", key_of(message)) == ""
    assert "which has the account agent.worker-1" in judge.doubt(message, "x", key_of(message))
    registry.record(beat("work.reports"))
    assert "names that queue" in judge.doubt(message, "agent.worker-1", key_of(message))
