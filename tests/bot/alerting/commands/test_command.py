"""`/alerts` and the buttons of posts: what fires, why, and who takes it on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.fronts.slack.blocks.alerts import alert_buttons
from tests.bot.alerting.commands.chat import firing, post, pressed
from tests.bot.alerting.world import (
    CHANNEL,
    SILENT,
    Watchers,
    alerts_in,
    none_waits,
    quick,
    says,
)
from tests.bot.world import Stage
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


async def test_who_takes_it_on_stands_in_the_post(stage: Stage) -> None:
    """Acknowledge: the post says who, in every channel, and the episode is theirs."""
    world = Watchers(stage)
    made = await firing(world)
    reply = await pressed(world, made, "Acknowledge")
    assert reply.text == "Acknowledged: silent web-1 in prod."
    await until(says(stage.front, "acknowledged"))
    assert "acknowledged by ann" in post(world).rows[0][2]
    await none_waits(stage.store)
    assert [one.label for one in alert_buttons(post(world))] == ["Silence…", "Why"]
    assert post(world).lines == ("1 acknowledged",)
    (watch,) = (await stage.store.alerts.load()).checks
    reply = await stage.ask(made, f"/alerts ack {watch.fingerprint}")
    assert reply.text == "ann already acknowledged that."


async def test_it_is_taken_on_by_any_name_of_it(stage: Stage) -> None:
    """`/alerts ack web-2`: by a label's value or its beginning, by matchers; never by what
    may mean several things."""
    world = Watchers(stage)
    made = await world.bot()
    for host in ("web-1.example.com", "web-2.example.com"):
        await world.agent(made, host)
    await world.pass_time(made, SILENT)
    reply = await stage.ask(made, "/alerts ack web")
    assert "“web” matches several: web-1.example.com, web-2.example.com" in reply.text
    reply = await stage.ask(made, "/alerts ack web-2")
    assert reply.text == "Acknowledged: silent web-2.example.com in prod."
    reply = await stage.ask(made, "/alerts ack host=~web-[12].example.com")
    assert "silent web-1.example.com in prod" in reply.text
    runner = made.alert_runner
    assert runner is not None

    def taken() -> bool:
        firing = runner.engine.firing() if runner.engine else []
        return [one.acknowledged_by for one in firing] == ["ann", "ann"]

    await until(taken)
    reply = await stage.ask(made, "/alerts ack web-3")
    assert "No firing alert is called web-3" in reply.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("silence env=prod for 2h", "a reason"),
        ("silence env=prod for ever because x", "a length of time such as"),
        ("silence host!=x for 2h because x", "everything"),
        ("silence env for 2h because x", "neither a matcher nor"),
        ("ack 000000", "No firing alert is called 000000"),
        ("why", "Which alert?"),
        ("why 000000", "Nothing that is monitored"),
        ("why 0123456789abcdef/1", "No firing alert is called"),
        ("unsilence 12", "Which silence?"),
        ("test C_NOWHERE", "No route notifies C_NOWHERE"),
    ],
)
async def test_what_will_not_do_is_explained(stage: Stage, words: str, told: str) -> None:
    """Bad words change nothing, and the reply says what they must be."""
    world = Watchers(stage)
    made = await world.bot()
    reply = await stage.ask(made, f"/alerts {words}")
    assert not reply.ok
    assert told in reply.text
    assert await stage.store.alerts.operations() == []


async def test_what_fires_and_what_fired(stage: Stage) -> None:
    """/alerts lists what fires, of one environment if asked; /alerts history what was. Nothing is
    said of an environment that nobody ever heard of, but that there is none."""
    world = Watchers(stage)
    made = await firing(world)
    answer = (await stage.ask(made, "/alerts")).answer
    assert answer is not None
    assert [row[1:3] for row in answer.rows] == [("silent web-1 in prod", "firing, critical")]
    assert answer.summary == "1 alert is firing"
    await world.beat(made, await stage.agent("web-9", "staging"))
    assert (await stage.ask(made, "/alerts staging")).text == "No alerts are firing in staging."
    wrong = await stage.ask(made, "/alerts histroy")
    assert not wrong.ok
    assert "neither an environment nor one of why, ack, " in wrong.text
    assert wrong.text.endswith("Did you mean history?")
    answer = (await stage.ask(made, "/alerts history")).answer
    assert answer is not None
    assert [row[2:4] for row in answer.rows] == [("silent web-1 in prod (1)", "firing")]


async def test_where_nothing_can_be_told(stage: Stage) -> None:
    """A channel that the bot was not invited to: /alerts says so, whether anything fires or not."""
    world = Watchers(stage)
    made = await firing(world)
    assert made.alert_runner is not None
    made.alert_runner.unpostable = lambda channels: dict.fromkeys(channels, "the bot is not in it.")
    told = f"Notifications cannot be sent to {CHANNEL}: the bot is not in it."
    answer = (await stage.ask(made, "/alerts")).answer
    assert answer is not None
    assert answer.summary == f"1 alert is firing\n{told}"
    await world.beat(made, await stage.agent("web-9", "staging"))
    assert (
        await stage.ask(made, "/alerts staging")
    ).text == f"No alerts are firing in staging.\n{told}"


async def test_a_test_is_told_where_it_is_asked(stage: Stage) -> None:
    """/alerts test: one post, there, however Slack writes the channel."""
    world = Watchers(stage)
    made = await world.bot()
    assert (await stage.ask(made, f"/alerts test {CHANNEL}")).ok
    await until(lambda: [one.channel for one in alerts_in(stage.front)] == [CHANNEL])
    for word in (f"<#{CHANNEL}|ops>", f"<#{CHANNEL}|>", f"#{CHANNEL}"):
        reply = await stage.ask(made, f"/alerts test {word}")
        assert reply.text.startswith(f"A test notification goes to {CHANNEL} within"), word
    await until(lambda: [one.channel for one in alerts_in(stage.front)] == [CHANNEL] * 4)


async def test_who_may_not_change_what_is_told(stage: Stage) -> None:
    """Only whom a rule allows takes on or silences, in any environment; all members may look."""
    world = Watchers(stage)
    made = await firing(world, policy=Policy())
    for words in ("ack {}", "silence host=web-1 for 1h because x"):
        (watch,) = (await stage.store.alerts.load()).checks
        reply = await stage.ask(made, "/alerts " + words.format(watch.fingerprint))
        assert not reply.ok
        assert reply.text.startswith(f"Not allowed: /alerts {words.split()[0]} in prod.")
        assert 'commands = ["alerts"]' in reply.text
    unheard = await stage.ask(made, "/alerts silence env=new for 1h because x")
    assert unheard.text.startswith("Not allowed: /alerts silence in new.")
    assert await stage.store.alerts.operations() == []
    answer = (await stage.ask(made, "/alerts")).answer
    assert answer is not None
    assert len(answer.rows) == 1


async def test_alerts_of_a_protected_environment_are_read_by_whom_a_rule_lets(stage: Stage) -> None:
    """Nothing of them is in what others are shown, by whatever word; how many there are is."""
    world = Watchers(stage)
    policy = Policy((), {"prod": EnvironmentTable(protected=True)})
    made = await firing(world, policy=policy)
    (watch,) = (await stage.store.alerts.load()).checks
    for words in ("", " history"):
        reply = await stage.ask(made, f"/alerts{words}")
        told = f"{reply.text}{reply.answer.summary if reply.answer else ''}"
        assert "; 1 alert left out: you are not allowed to read it" in told
        assert reply.answer is None or not reply.answer.rows
    for words in ("prod", f"why {watch.fingerprint}", "why web-1", "silence host=web-1"):
        reply = await stage.ask(made, f"/alerts {words}")
        assert reply.text.startswith("Not allowed: /alerts in prod. prod is protected"), words
    made.dispatching.authorizer.policy = Policy([Rule(who=("U_ANN",))], policy.environments)
    assert (await stage.ask(made, "/alerts silence host=web-1 for 1h because disks")).ok
    made.dispatching.authorizer.policy = policy
    runner = made.alert_runner
    await until(lambda: runner and runner.engine and runner.engine.silences())
    silences = (await stage.ask(made, "/alerts silences")).answer
    assert silences is not None
    assert silences.rows == (), "it names no environment, so it may concern prod"
    assert silences.summary.endswith("; 1 silence left out: you are not allowed to read it")


async def test_a_bot_that_does_not_lead_takes_it_to_the_one_that_does(stage: Stage) -> None:
    """Whichever of two bots is asked, the post says so."""
    world = Watchers(stage)
    await firing(world)
    other = await stage.bot(alerts=world.alerts())
    assert other.alert_runner is not None
    assert (await stage.ask(other, "/alerts")).answer is not None
    reply = await pressed(world, other, "Acknowledge")
    assert reply.ok
    await until(says(stage.front, "acknowledged"))
    assert not other.leader.leading


async def test_without_alerts(stage: Stage) -> None:
    """A bot that was given no alerts.toml says so."""
    made = await stage.bot()
    reply = await stage.ask(made, "/alerts")
    assert not reply.ok
    assert "no alerts.toml" in reply.text
