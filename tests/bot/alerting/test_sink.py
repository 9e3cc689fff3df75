"""What comes in over HTTP is an alert like any other, and is kept before it is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from pydantic import SecretStr

from alerts import AlertContent
from bot.alerting.sink import EVENT_LASTS, StoredAlertSink
from bot.app.assemble import status_reader
from bot.app.bot import Bot
from bot.findings import Finding
from bot.ingest.rejections import LASTS
from bot.store import Store
from bot.web.app import build
from bot.web.ingest import IngestRoutes
from tests.bot.alerting.world import WAIT, Watchers, alerts_in, quick, says
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
    assert made.alert_runner is not None
    sink = StoredAlertSink(made.alert_runner, {"prometheus": SecretStr("p-secret")})
    transport = httpx.ASGITransport(
        build(status_reader(made, None, made.rejections), IngestRoutes(sink, made.rejections))
    )
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
    assert len(await stage.store.alerts.operations()) == 1
    stage.bus.up()
    second = await world.bot()
    await world.round(second)
    await world.pass_time(second, WAIT + 1)
    await until(says(stage.front, "firing"))
    assert await stage.store.alerts.operations() == []


async def test_without_the_database_the_sender_is_told_to_come_again(
    store: Store, client: httpx.AsyncClient
) -> None:
    """What cannot be kept is not taken."""
    with away(store):
        answer = await client.post("/alerts", content=webhook("firing"))
    assert answer.status_code == 503


async def test_odd_labels_lose_nobody(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """A label that is too long or has a dot in its name is spelled otherwise; the alert beside it,
    which is critical, is told."""
    odd = json.loads(webhook("firing", host="db-1", digest="x" * 300, **{"service.name": "a"}))
    odd["alerts"] += json.loads(webhook("firing", host="db-2"))["alerts"]
    await push(client, json.dumps(odd))
    await world.round(made)
    assert made.alert_runner is not None
    assert made.alert_runner.engine is not None
    firing = made.alert_runner.engine.firing()
    assert [one.labels.get("host") for one in firing] == ["db-1", "db-2"]
    assert firing[0].labels.get("service_name") == "a"


async def test_what_is_refused_is_said_in_the_channel(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """Once, with the sender's name, how much, and why; it ends by itself."""
    body = json.dumps([{"labels": {}}, {"labels": {"alertname": "DiskFull"}, "status": "maybe"}])
    for _ in range(3):
        assert (await client.post("/alerts", content=body)).status_code == 400
    await until(
        lambda: made.alert_runner and made.alert_runner.engine and made.alert_runner.engine.firing()
    )
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert message.content.title == "refused sender=prometheus"
    assert "rejected since" in message.content.rows[0][2]
    assert "[0].labels: at least one label" in message.content.rows[0][2]
    await world.pass_time(made, LASTS + 1)
    await until(says(stage.front, "resolved"))


async def test_what_was_found_is_not_lost_with_the_bot(
    stage: Stage, world: Watchers, made: Bot
) -> None:
    """The latest words of a finding are in the database once the bot has stopped."""
    for number in range(5):
        made.findings.found(Finding("impostor", f"seen {number} times", {"host": "web-1"}))
    await made.stop()
    second = await world.bot()
    await world.round(second)
    assert second.alert_runner is not None
    assert second.alert_runner.engine is not None
    (episode,) = second.alert_runner.engine.firing()
    assert (episode.labels.title(), episode.text) == ("impostor web-1", "seen 4 times")


async def test_a_late_check_in_is_an_alert(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """Once it was heard it must be heard again; that its work has begun is not enough."""
    assert (await client.post("/checkin/c-secret")).status_code == 200
    await world.round(made)
    await until(
        lambda: (
            made.alert_runner
            and made.alert_runner.engine
            and made.alert_runner.engine.rows().checks
        )
    )
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


def event_of(**attributes: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "source": "/backup",
        "type": "backup",
        "subject": "db-1",
        **attributes,
    }


async def tell(client: httpx.AsyncClient, **attributes: object) -> None:
    kind = {"Content-Type": "application/cloudevents+json"}
    body = json.dumps(event_of(**attributes))
    answer = await client.post("/events", content=body, headers=kind)
    assert answer.status_code == 200, answer.text


async def test_an_event_that_is_delivered_again_opens_nothing_anew(
    stage: Stage, world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """Whichever bot leads: what was told stays known. A status in any case; an unknown one is said,
    and no severity is a warning."""
    await tell(client, id="1", data={"status": "FIRING", "url": "https://backup/1"})
    await tell(client, id="2", data={"status": "RESOLVED"})
    await tell(client, id="1", data={"status": "FIRING"})
    await world.round(made)
    runner = made.alert_runner
    assert runner is not None
    assert runner.engine is not None
    assert runner.engine.firing() == []
    await tell(client, id="3", data={"status": "broken", "url": "https://backup/3"})
    await world.round(made)
    (episode,) = runner.engine.firing()
    assert episode.severity == "warning"
    assert episode.text == "(unknown status “broken”: treated as firing)"
    assert episode.links == (("Source", "https://backup/3"),)
    rows = (await stage.store.alerts.load()).checks
    assert [len(row.known) for row in rows if row.source.startswith("event/")] == [3]


async def test_an_alert_links_to_where_people_look(
    world: Watchers, made: Bot, client: httpx.AsyncClient
) -> None:
    """generatorURL, runbook, dashboard and what Grafana adds; and it began when its source says."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "DiskFull", "severity": "page"},
        "annotations": {"runbook_url": "https://wiki/disk", "dashboard_url": "ftp://no"},
        "startsAt": "2020-01-01T00:00:00Z",
        "generatorURL": "http://prom/graph?a=1&b=2",
        "dashboardURL": "https://grafana/d/1",
        "silenceURL": "https://grafana/silence",
    }
    await push(client, json.dumps({"version": "4", "status": "firing", "alerts": [alert]}))
    await world.round(made)
    assert made.alert_runner is not None
    assert made.alert_runner.engine is not None
    (episode,) = made.alert_runner.engine.firing()
    assert episode.started == 1_577_836_800.0
    assert episode.severity == "critical"
    assert episode.links == (
        ("Runbook", "https://wiki/disk"),
        ("Source", "http://prom/graph?a=1&b=2"),
        ("Dashboard", "https://grafana/d/1"),
        ("Silence there", "https://grafana/silence"),
    )
