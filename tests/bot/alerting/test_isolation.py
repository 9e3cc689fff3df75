"""Nothing that one observation, one row, one post or one person's wish does ends the watch over the
others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from alerts import HeartbeatSeen, Labels, Sample
from alerts.notify.dispatch import NotificationDispatcher
from baton.bus.messages import Person
from bot.alerting import operations
from bot.alerting.operations import RecordObservations
from bot.app.bot import Bot
from bot.store import Store
from bot.store.tables.alert_tables import checks
from tests.bot.alerting.world import WAIT, Watchers, alerts_in, quick, says
from tests.bot.build import ANN, OPS
from tests.bot.world import Stage, no_groups
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


def sample(host: str, at: float) -> Sample:
    labels = Labels.of(alertname="x", host=host)
    return Sample(labels, True, at, decided=True, source="push/am")


async def test_what_cannot_be_taken_of_what_was_seen_costs_the_rest_nothing(stage: Stage) -> None:
    """An observation that nobody foresaw, and a line of an ask that cannot be read."""
    world = Watchers(stage)
    made = await world.bot()
    runner = made.alert_runner
    assert runner is not None
    runner.observe(HeartbeatSeen("web-1", "x" * 300, 15.0, runner.now()))
    runner.observe(object())  # type: ignore[arg-type]
    good = operations.record_observations(
        [sample("a", runner.now()), sample("b", runner.now())], runner.now()
    )
    torn = RecordObservations(by="", at=runner.now(), lines=(good.lines[0], "{", good.lines[1]))
    await stage.store.alerts.add_operation({"kind": "nonsense"})
    await runner.submit(torn)
    await world.round(made)
    assert runner.engine is not None
    assert [one.labels.get("host") for one in runner.engine.firing()] == ["a", "b"]
    assert await stage.store.alerts.operations() == []
    assert runner.faults >= 3


async def test_a_decision_that_fails_is_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner goes on, and tells once it can."""
    world = Watchers(stage)
    made = await world.bot()
    runner = made.alert_runner
    assert runner is not None
    with monkeypatch.context() as broken:
        broken.setattr(NotificationDispatcher, "tick", _fail)
        runner.observe(sample("a", runner.now()))
        faults = runner.faults
        await until(lambda: runner.faults > faults)
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))


def _fail(*given: Any) -> None:
    raise ArithmeticError("a fault")


async def _spoil(store: Store, fingerprint: str) -> None:
    def spoil(connection: Connection) -> None:
        row = {"fingerprint": 5, "labels": "no"}
        connection.execute(update(checks).where(checks.c.key == fingerprint).values(data=row))

    await store.alerts._database.write(spoil)


async def test_a_row_that_cannot_be_read_is_set_aside(stage: Stage) -> None:
    """Of a database that somebody mended by hand: the bot starts, goes on with the others, and
    leaves the row as it is."""
    world = Watchers(stage)
    made = await world.bot()
    runner = made.alert_runner
    assert runner is not None
    for host in ("a", "b"):
        runner.observe(sample(host, runner.now()))
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(lambda: len(alerts_in(stage.front)) == 1)
    spoilt = Labels.of(alertname="x", host="a").fingerprint
    await _spoil(stage.store, spoilt)
    rows = await stage.store.alerts.load()
    assert [row.labels for row in rows.checks] == [(("alertname", "x"), ("host", "b"))]
    assert len(rows.episodes) == 2

    def data(connection: Connection) -> object:
        return connection.execute(select(checks.c.data).where(checks.c.key == spoilt)).scalar()

    assert await stage.store.alerts._database.read(data) == {"fingerprint": 5, "labels": "no"}


async def test_two_who_take_it_on_at_once_are_told_who_did(stage: Stage) -> None:
    """Both press at the same moment: one takes it on, the other reads who did."""
    world = Watchers(stage)
    made: Bot = await world.bot()
    runner = made.alert_runner
    assert runner is not None
    runner.observe(sample("a", runner.now()))
    await world.round(made)
    await world.pass_time(made, WAIT)
    replies = await asyncio.gather(
        *(
            made.dispatcher.ask(
                "/alerts ack a", asker=who, groups=no_groups, place=OPS, key=f"key {who.id}"
            )
            for who in (ANN, Person(id="U_BEN", name="ben"))
        )
    )
    told = sorted(reply.text for reply in replies)
    assert told[0] == "Acknowledged: x a."
    assert "already acknowledged that" in told[1]
