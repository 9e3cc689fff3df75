"""What comes in over HTTP is an alert like any other, and is kept before it is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from pydantic import SecretStr

from alerts import AlertContent
from bot.alerting.intake import EVENT_LASTS, Reception
from bot.bot import Bot
from bot.store import Store
from bot.web.app import build
from bot.web.entrance import Entrance
from bot.web.vitals import Watch
from tests.alerting.world import WAIT, Watchers, alerts_in, quick, says
from tests.bot.world import Stage, away
from tests.support.wait import until

CHECKIN = {"name": "backup", "token": "c-secret", "every": "1h", "grace": "5m"}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


@pytest.fixture
async def world(stage: Stage) -> Watchers:
    return Watchers(stage, checkin=[CHECKIN])


@pytest.fixture
async def made(world: Watchers) -> Bot:
    return await world.bot()


@pytest.fixture
async def client(made: Bot) -> AsyncIterator[httpx.AsyncClient]:
    assert made.keeper is not None
    reception = Reception(made.keeper, {"prometheus": SecretStr("p-secret")})
    transport = httpx.ASGITransport(build(Watch(made), Entrance(reception)))
    headers = {"Authorization": "Bearer p-secret"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://bot", headers=headers
    ) as opened:
        yield opened


def webhook(status: str, **labels: str) -> str:
    alert = {
        "status": status,
        "labels": {"alertname": "DiskFull", "severity": "critical", **labels},
        "annotations": {"summary": "92 % of / is used"},
        "startsAt": "2026-11-24T08:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-24T08:05:00Z",
    }
    return json.dumps({"version": "4", "status": status, "alerts": [alert]})


async def push(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/alerts", content=body)
    assert answer.status_code == 200, answer.text


async def test_a_pushed_alert_is_said_and_resolved(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """Alertmanager's webhook: one post, with its summary and severity, until it says resolved."""
    await push(client, webhook("firing", env="prod", host="db-1"))
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title == "DiskFull db-1 in prod"
    assert "92 % of / is used" in message.content.rows[0][2]
    assert message.content.severity == "critical"
    await push(client, webhook("resolved", env="prod", host="db-1"))
    await until(says(stage.front, "resolved"))


async def test_what_fires_is_counted(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """The metrics say how much fires, by severity, and whether we are blind."""
    await push(client, webhook("firing", host="db-1"))
    await world.round(made)
    shown = (await client.get("/metrics")).text
    assert 'baton_alerts_firing{severity="critical"} 1.0' in shown
    assert 'baton_alerts_firing{severity="info"} 0.0' in shown
    assert "baton_alerts_blind 0.0" in shown


async def test_what_came_in_is_not_lost_with_the_bot(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """Whoever was answered may rely on it: it is in the database when the bot dies."""
    stage.bus.down()
    await world.round(made)
    await push(client, webhook("firing", host="db-1"))
    await made.stop()
    assert len(await stage.store.alerts.asked()) == 1
    stage.bus.up()
    second = await world.bot()
    await world.round(second)
    await world.pass_time(second, WAIT + 1)
    await until(says(stage.front, "firing"))
    assert await stage.store.alerts.asked() == []


async def test_without_the_database_the_sender_is_told_to_come_again(
    store: Store, client: httpx.AsyncClient
) -> None:
    """What cannot be kept is not taken."""
    with away(store):
        answer = await client.post("/alerts", content=webhook("firing"))
    assert answer.status_code == 503


async def test_labels_that_will_not_do_are_named(client: httpx.AsyncClient) -> None:
    """400, with the field."""
    answer = await client.post("/alerts", content=webhook("firing", host="x" * 300))
    assert answer.status_code == 400
    assert answer.json()["field"] == "alerts[0].labels"


async def test_a_late_check_in_is_an_alert(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """Once it was heard it must be heard again; that its work has begun is not enough."""
    assert (await client.post("/checkin/c-secret")).status_code == 200
    await world.round(made)
    await until(lambda: made.keeper and made.keeper.engine and made.keeper.engine.rows().watches)
    await world.pass_time(made, 3600 + 200)
    assert (await client.post("/checkin/c-secret/start")).status_code == 200
    await world.pass_time(made, 101)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    assert (await client.post("/checkin/c-secret")).status_code == 200
    await until(says(stage.front, "resolved"))
    assert (await client.post("/checkin/unknown")).status_code == 401


async def test_an_event_is_an_alert_for_an_hour(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """A CloudEvent fires by its type, source and subject, and is over if it does not come again."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/backup",
        "type": "backup.failed",
        "subject": "db-1",
        "data": {"summary": "no space left", "severity": "error"},
    }
    kind = {"Content-Type": "application/cloudevents+json"}
    answer = await client.post("/events", content=json.dumps(event), headers=kind)
    assert answer.status_code == 200
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    await world.pass_time(made, EVENT_LASTS)
    await until(says(stage.front, "resolved"))
