"""`/alerts forget`: what is gone for good does not fire for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alerts import AlertContent, Sample
from alerts.checks.settings import ProbeTable
from bot.dispatch.policy import EnvironmentTable, Policy
from tests.bot.alerting.world import (
    SILENT,
    WAIT,
    Watchers,
    alerts_in,
    none_waits,
    quick,
    says,
    state_of,
)
from tests.bot.world import Stage
from tests.support.wait import until

PROBE = ProbeTable(name="shop", url="http://127.0.0.1:9/", env="prod", every=3600.0)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


async def test_a_server_that_is_gone_for_good(stage: Stage) -> None:
    """Its alert ends in its post, which says by whom, and is not said again; if it comes back
    after all, it is watched anew, and a later silence is the next episode."""
    world = Watchers(stage)
    made = await world.bot()
    agent = await world.agent(made, "web-1")
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    (row,) = (await stage.store.alerts.load()).checks
    reply = await stage.ask(made, f"/alerts forget {row.fingerprint[:8]}")
    assert reply.text.startswith("Forgotten: silent web-1 in prod."), reply.text
    await until(says(stage.front, "resolved"))
    (message,) = alerts_in(stage.front)
    assert isinstance(message.content, AlertContent)
    assert "forgotten by ann" in message.content.rows[0][2]
    await world.pass_time(made, 86400)
    await none_waits(stage.store)
    assert state_of(stage.front) == "resolved"
    assert (await stage.ask(made, "/alerts")).text == "No alerts are firing."
    await world.beat(made, agent)
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(lambda: len(alerts_in(stage.front)) == 2)
    (episode,) = (await stage.store.alerts.load()).episodes
    assert episode.number == 2


async def test_what_alerts_toml_names_is_taken_out_there(stage: Stage) -> None:
    """Or it would be back at once, or never be missed again."""
    world = Watchers(stage, probe=[PROBE], thresholds={"down_after": 1})
    made = await world.bot()
    runner = made.alert_runner
    assert runner is not None
    runner.observe(Sample(PROBE.identity, True, runner.now(), "refused", source=PROBE.source))
    await world.round(made)
    reply = await stage.ask(made, f"/alerts forget {PROBE.identity.fingerprint}")
    assert not reply.ok
    assert "remove it there" in reply.text


async def test_only_what_fires_and_by_whom_it_may_be(stage: Stage) -> None:
    """One that does not fire is no alert; in a protected environment a rule must allow it."""
    world = Watchers(stage)
    made = await world.bot(policy=Policy((), {"prod": EnvironmentTable(protected=True)}))
    await world.agent(made, "web-1")
    (row,) = (await stage.store.alerts.load()).checks
    for told in ("No firing alert is called", "prod"):
        reply = await stage.ask(made, f"/alerts forget {row.fingerprint}")
        assert not reply.ok
        assert told in reply.text
        await world.pass_time(made, SILENT)
    assert await stage.store.alerts.operations() == []
