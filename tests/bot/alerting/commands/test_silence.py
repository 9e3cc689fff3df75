"""`/alerts silence`: what it mutes, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.store.jobs.audit_entries import AuditFilter
from tests.bot.alerting.commands.chat import firing, post, pressed
from tests.bot.alerting.world import (
    SILENT,
    Watchers,
    quick,
)
from tests.bot.world import Stage
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


@pytest.mark.parametrize(
    "reason", ["it's being replaced", "Sam’s disk isn't “there”, because of x"]
)
async def test_a_reason_is_kept_as_it_was_typed(stage: Stage, reason: str) -> None:
    """People write as they speak; one apostrophe is no open quote, and two are none either."""
    world = Watchers(stage)
    made = await firing(world)
    reply = await stage.ask(made, f"/alerts silence host=web-1 for 2h because {reason}")
    assert reply.ok, reply.text
    await until(lambda: "silenced by ann" in post(world).rows[0][2])
    listed = (await stage.ask(made, "/alerts silences")).answer
    assert listed is not None
    assert listed.rows[0][-1] == reason


async def test_a_silence_of_no_environment_is_recorded_for_each(stage: Stage) -> None:
    """It concerns all of them: whoever looks in the audit log for one of them finds it."""
    policy = Policy([Rule(who=("*",))], {"staging": EnvironmentTable()})
    made = await firing(Watchers(stage), policy=policy)
    silence = "/alerts silence host=web-1 for 2h because it is being replaced"
    assert (await stage.ask(made, silence)).ok
    for environment in ("prod", "staging"):
        ((_, entry),) = await stage.store.audit.page(AuditFilter(environment=environment), 9)
        assert (entry.words, entry.verdict) == (silence, "allowed")


async def test_silence_says_what_it_mutes_and_ends(stage: Stage) -> None:
    """Silence: whoever presses it reads first what that would mute, and it mutes nothing until
    they say for how long; the silence is listed and ended."""
    world = Watchers(stage)
    made = await firing(world)
    reply = await pressed(world, made, "Silence…")
    assert reply.text == (
        "alertname=silent env=prod host=web-1 matches 1 of 1 monitored targets.\n"
        "A silence would mute silent web-1 in prod, and no other firing alert.\n"
        "To silence it: /alerts silence alertname=silent env=prod host=web-1 for 1h "
        "because it is being looked at"
    )
    assert await stage.store.alerts.operations() == []
    assert reply.form is not None
    asked_for = reply.form
    reply = await stage.ask(made, f"{asked_for.ask} for 4h because {asked_for.reason}")
    assert reply.text.startswith("Silenced for 4 h: "), reply.text
    assert "Muted now: silent web-1 in prod." in reply.text
    await until(lambda: "silenced by ann" in post(world).rows[0][2])
    reply = await stage.ask(made, "/alerts silences")
    assert reply.answer is not None
    ((name, matchers, *_),) = reply.answer.rows
    assert matchers == "alertname=silent env=prod host=web-1"
    assert (await stage.ask(made, f"/alerts unsilence {name}")).ok
    (watch,) = (await stage.store.alerts.load()).checks
    typed = await stage.ask(made, f"/alerts silence {watch.fingerprint[:8]}")
    assert typed.form == asked_for
    await until(lambda: "silenced" not in post(world).rows[0][2])
    assert (await stage.ask(made, "/alerts silences")).text == "Nothing is silenced."


async def test_what_a_silence_would_mute_besides(stage: Stage) -> None:
    """Of what fires and was not meant, by its name; what is asked in the end is what was shown,
    whatever quotes there are in it."""
    world = Watchers(stage)
    made = await world.bot()
    for host in ("web-1", "web-2", "db-1"):
        await world.agent(made, host)
    await world.pass_time(made, SILENT)
    reply = await stage.ask(made, "/alerts silence env=prod host=~web-.*")
    assert "2 of 3 monitored targets" in reply.text
    assert "these firing alerts: silent web-1 in prod, silent web-2 in prod." in reply.text
    reply = await stage.ask(made, """/alerts silence 'note=a "b"' "what=it's {x}" """)
    assert reply.form is not None
    again = await stage.ask(made, reply.form.ask)
    assert again.form == reply.form
    assert reply.text.startswith('note="a \\"b\\"" what="it\'s {x}" matches 0 of 3')
    assert await stage.store.alerts.operations() == []


@pytest.mark.parametrize(
    ("typed", "matchers", "seconds"),
    [
        ("alertname=CpuHigh instance!=web-2, for 2h", "alertname=CpuHigh instance!=web-2", 7200),
        (
            'alertname="CpuHigh",instance="web-1" for 90 minutes',
            "alertname=CpuHigh instance=web-1",
            5400,
        ),
        ("note='for sale because' for 1 day", 'note="for sale because"', 86400),
        ("'host=~web-[[:digit:]]+' for an hour", 'host=~"web-[[:digit:]]+"', 3600),
    ],
)
async def test_a_silence_means_what_alerts_toml_would_mean(
    stage: Stage, typed: str, matchers: str, seconds: float
) -> None:
    """Commas and quotes as they were typed; lengths of time as /schedule takes them."""
    world = Watchers(stage)
    made = await world.bot()
    reply = await stage.ask(made, f"/alerts silence {typed} because the disk is full")
    assert reply.ok, reply.text
    assert matchers in reply.text
    runner = made.alert_runner
    assert runner is not None
    await until(lambda: runner.engine is not None and bool(runner.engine.silences()))
    assert runner.engine is not None
    (silence,) = runner.engine.silences()
    assert str(silence.matchers) == matchers
    assert silence.until - silence.starts == seconds
    assert silence.reason == "the disk is full"


async def test_an_expression_that_is_none_is_refused_at_once(stage: Stage) -> None:
    """Whatever anybody types of matchers, the loop goes on and they read what is wrong."""
    world = Watchers(stage)
    made = await world.bot()
    nasty = "(" + "|".join(["."] * 25) + ")*!"
    reply = await stage.ask(made, f'/alerts silence alertname=~"{nasty}"')
    assert "matches 0 of 0 monitored targets" in reply.text
    reply = await stage.ask(made, '/alerts why alertname=~"("')
    assert ": missing )" in reply.text
    reply = await stage.ask(made, '/alerts why env=staging "\t,"')
    assert "Invalid matcher" in reply.text


async def test_a_silence_by_matchers(stage: Stage) -> None:
    """Quotes, expressions and a reason of several words, as people type them."""
    world = Watchers(stage)
    made = await firing(world)
    words = '/alerts silence env=prod host=~"web-.*" for 1h 30m because we replace its disk'
    reply = await stage.ask(made, words)
    assert reply.text.startswith('Silenced for 1 h 30 min: env=prod host=~"web-.*".'), reply.text
    await until(lambda: "silenced by ann: we replace its disk" in post(world).rows[0][2])
