"""One place wires a bot: a hook that is forgotten is an error when it is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from alerts import AlertSettings
from bot.alerting import AlertRunner
from bot.app.dispatching import assemble_dispatch
from bot.app.with_alerts import AlertsConfig, NoAlerts, WithAlerts
from bot.findings import Finding
from bot.posts.job_posts import JobPosts
from bot.scheduler.scheduler import Scheduler
from bot.schedules.schedule import ResultHandling
from tests.bot.world import Stage, wanted
from tests.support.wait import until


@pytest.mark.parametrize(
    ("made", "hooks"),
    [
        (
            assemble_dispatch,
            {
                "alert_runner",
                "alert_reloader",
                "job_changed",
                "server_forgotten",
                "schedules_changed",
                "on_result",
            },
        ),
        (JobPosts, {"on_end"}),
        (Scheduler, {"job_changed", "on_result"}),
        (AlertRunner, {"wake", "reloaded", "unpostable", "eyes"}),
        (AlertsConfig, {"front", "links", "unpostable"}),
    ],
)
def test_no_hook_can_be_forgotten(made: Callable[..., Any], hooks: set[str]) -> None:
    """None has a default: Python refuses whoever leaves one out."""
    given = inspect.signature(made).parameters
    assert hooks <= given.keys()
    assert [name for name in hooks if given[name].default is not inspect.Parameter.empty] == []


async def test_a_bot_without_alerts_has_none(stage: Stage) -> None:
    """Nothing is checked; findings are in its log and on /readyz."""
    bot = await stage.bot()
    assert isinstance(bot.alerts, NoAlerts)
    assert (bot.alert_runner, bot.alert_reloader) == (None, None)
    assert bot.alerts.schedule_results([]) == ResultHandling()
    bot.findings.found(Finding("clock", "it is late"))
    assert [one.text for one in bot.findings.recent.all()] == ["it is late"]
    assert (await stage.ask(bot, "/alerts")).text.startswith("Alerting is off")


async def test_a_bot_with_alerts_watches_while_it_leads(stage: Stage) -> None:
    """From the table of recurring work, and only then."""
    bot = await stage.bot(alerts=wanted(AlertSettings(channel="C_OPS")))
    assert isinstance(bot.alerts, WithAlerts)
    await until(lambda: bot.alert_runner and bot.alert_runner.engine)
    running = {status.name for status in bot.periodic.statuses}
    assert running == {
        "alerts",
        "discovery",
        "drift",
        "follow_freezes",
        "follow_other_bots",
        "memory",
        "sync_posts",
        "locks",
        "lost_workers",
        "pruning",
        "audit_chain",
        "recording",
        "schedules",
    }
    await bot.leader._let_go()
    assert {status.name for status in bot.periodic.statuses} == {
        "follow_other_bots",
        "follow_freezes",
        "memory",
    }
    assert bot.alert_runner is not None
    assert bot.alert_runner.engine is None


async def test_an_error_of_ours_in_the_watch_fails_the_bot(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What alerts hold in memory is not to be trusted then; a bot started anew reads it again."""
    bot = await stage.bot(alerts=wanted(AlertSettings(channel="C_OPS")))
    await until(lambda: bot.alert_runner and bot.alert_runner.engine)

    async def fault(*given: object) -> bool:
        raise ArithmeticError("a fault")

    monkeypatch.setattr(stage.store.alerts, "operations", fault)
    with pytest.raises(ArithmeticError):
        await bot.failed()
