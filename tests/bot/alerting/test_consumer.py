"""What others tell over the bus is an alert as over HTTP is, and is kept before it is taken."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from alerts import AlertContent
from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.dead_letters import resend
from baton.bus.exchanges import DEAD_QUEUE, MONITOR_QUEUE, OUTPUT
from baton.bus.messages import Pong, now
from bot.app.bot import Bot
from bot.app.with_alerts import WithAlerts
from bot.findings import LoggedFindings
from bot.store import Store
from tests.bot.alerting.world import SILENT, WAIT, Watchers, alerts_in, quick, says
from tests.bot.world import Stage, away
from tests.support.broker import Broker
from tests.support.buses import Bus, InMemory, OverRabbit
from tests.support.queues import first_of
from tests.support.wait import until

CHECKIN = {"name": "backup", "every": "1h", "grace": "5m"}
TEXT = "text/plain"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


@pytest.fixture(params=["memory", "rabbitmq"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    made: Bus
    if request.param == "memory":
        made = InMemory()
    else:
        broker: Broker = request.getfixturevalue("broker")
        made = OverRabbit(broker, request.getfixturevalue("amqp_url"))
    yield made
    await made.close()


@pytest.fixture
async def world(stage: Stage) -> Watchers:
    return Watchers(stage, checkin=[CHECKIN])


@pytest.fixture
async def made(bus: Bus, world: Watchers) -> AsyncIterator[Bot]:
    bot = await world.bot(channel=await bus.open("bot"))
    alerts = bot.alerts
    assert isinstance(alerts, WithAlerts)
    await until(lambda: alerts._watch and alerts._watch[2].done())
    yield bot
    await bot.stop()


@pytest.fixture
async def mouth(bus: Bus) -> Channel:
    """Somebody else's connection."""
    return await bus.open("other")


def event(**changes: Any) -> bytes:
    given = {
        "specversion": "1.0",
        "id": "1",
        "source": "/backup",
        "type": "backup.failed",
        "subject": "db-1",
        "data": {"summary": "no space left", "severity": "error"},
    }
    return json.dumps({**given, **changes}).encode()


async def tell(mouth: Channel, key: str, body: bytes, kind: str = "") -> None:
    letter = Envelope(body, id="m1", content_type=kind)
    await mouth.publish(OUTPUT, key, letter, mandatory=True, timeout=20)


async def dead(mouth: Channel) -> Delivery:
    found: Delivery | None = await until(lambda: first_of(mouth, DEAD_QUEUE))
    assert found is not None
    return found


async def test_an_event_is_an_alert(
    stage: Stage, world: Watchers, made: Bot, mouth: Channel
) -> None:
    """A CloudEvent fires by its type, source and subject, until one says that it is resolved."""
    await tell(mouth, "alert.backup", event())
    await until(
        lambda: made.alert_runner and made.alert_runner.engine and made.alert_runner.engine.firing()
    )
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.severity == "critical"
    assert "no space left" in message.content.rows[0][2]
    await tell(mouth, "alert.backup", event(data={"status": "resolved"}))
    await until(says(stage.front, "resolved"))
    assert await stage.store.alerts.operations() == []


async def test_a_check_in(stage: Stage, world: Watchers, made: Bot, mouth: Channel) -> None:
    """It is named by its key; that it failed is an alert, until it comes well again."""
    await tell(mouth, "checkin.backup.fail", b"rsync: no space", TEXT)
    await until(
        lambda: made.alert_runner and made.alert_runner.engine and made.alert_runner.engine.firing()
    )
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert "rsync: no space" in message.content.rows[0][2]
    await tell(mouth, "checkin.backup", b"", TEXT)
    await until(says(stage.front, "resolved"))


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("alert.x", b"{", "body: "),
        ("alert.x", event(id=""), "id: "),
        ("checkin.bakcup", b"", "there is no check-in called bakcup"),
        ("checkin.backup.maybe", b"", "status: must be one of"),
    ],
)
async def test_what_cannot_be_taken_is_a_dead_letter(
    made: Bot, mouth: Channel, key: str, body: bytes, reason: str
) -> None:
    """With the reason, and nothing behind it waits for it."""
    await tell(mouth, key, body)
    letter = await dead(mouth)
    assert reason in letter.envelope.headers["baton-reason"]
    await letter.ack()
    await tell(mouth, "alert.backup", event())
    await until(
        lambda: made.alert_runner and made.alert_runner.engine and made.alert_runner.engine.firing()
    )


async def test_one_bad_event_costs_the_others_nothing(made: Bot, mouth: Channel) -> None:
    """Of several that came together those that can be read are taken; the others are counted, and
    said once."""
    both = b"[" + event() + b", {}]"
    await tell(mouth, "alert.x", both)

    def firing() -> set[str]:
        engine = made.alert_runner.engine if made.alert_runner else None
        return {one.labels.title() for one in engine.firing()} if engine else set()

    await until(lambda: len(firing()) == 2)
    assert firing() == {"backup.failed source=/backup subject=db-1", "refused sender=bus"}
    assert made.rejections.counts == {("bus", "invalid"): 1}
    assert not await mouth.depth(DEAD_QUEUE)


async def test_a_dead_letter_can_be_sent_again(world: Watchers, made: Bot, mouth: Channel) -> None:
    """Once the check-in is in the settings, what came before that is not lost."""
    await tell(mouth, "checkin.other.fail", b"x", TEXT)
    await until(lambda: mouth.depth(DEAD_QUEUE))
    assert made.alert_runner is not None
    other = world.settings.checkin[0].model_copy(update={"name": "other"})
    made.alert_runner.reload(world.settings.model_copy(update={"checkin": (other,)}))
    (sent,) = (await resend(mouth, (), 10)).done
    assert sent.key == "checkin.other.fail"
    await until(
        lambda: made.alert_runner and made.alert_runner.engine and made.alert_runner.engine.firing()
    )
    assert not await mouth.depth(DEAD_QUEUE)


async def test_it_is_taken_when_it_is_kept(
    stage: Stage, store: Store, bus: Bus, world: Watchers, made: Bot, mouth: Channel
) -> None:
    """While the database is away it stays on the bus, for whoever leads next."""
    with away(store):
        await tell(mouth, "alert.backup", event())
        await tell(mouth, "alert.backup", event(subject="db-2"))
        await made.stop()
        await made.channel.close()

        async def both_wait() -> bool:
            return await mouth.depth(MONITOR_QUEUE) == 2

        await until(both_wait)
    second = await world.bot(channel=await bus.open("bot"))

    def both_fire() -> bool:
        engine = second.alert_runner.engine if second.alert_runner else None
        return engine is not None and len(engine.firing()) == 2

    await until(both_fire)
    assert await mouth.depth(MONITOR_QUEUE) == 0


async def test_in_the_order_in_which_it_was_told(made: Bot, mouth: Channel) -> None:
    """What was resolved last is resolved, however fast it came."""
    for number in range(100):
        await tell(mouth, "alert.x", event(subject=f"{number}"))
        await tell(mouth, "alert.x", event(subject=f"{number}", data={"status": "resolved"}))
    await tell(mouth, "alert.x", event(subject="last"))

    def firing() -> list[str]:
        engine = made.alert_runner.engine if made.alert_runner else None
        return [one.labels.get("subject") for one in engine.firing()] if engine else []

    await until(lambda: "last" in firing())
    assert firing() == ["last"]


async def test_a_pong_is_a_sign_of_life(stage: Stage) -> None:
    """Who answers a ping is not called silent; an answer that waited on the bus says nothing."""
    world = Watchers(stage)
    made = await world.bot()
    made.findings._alerts = (
        LoggedFindings()
    )  # that nobody asked for these pongs is not the subject here
    agent = await world.agent(made, "web-1")

    async def pong(**changes: Any) -> None:
        heard = made.updates.received[Pong.type]
        await agent.say(Pong(job="j", request="r", facts=agent.facts, **changes))
        await until(lambda: made.updates.received[Pong.type] > heard)
        await world.round(made)

    for _ in range(3):
        await world.pass_time(made, SILENT - 5)
        await pong()
    await world.pass_time(made, SILENT + 1)
    await pong(time=now() - timedelta(minutes=2))
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    await pong()
    await until(says(stage.front, "resolved"))
