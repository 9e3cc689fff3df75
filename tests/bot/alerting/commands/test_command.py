"""`/alerts` and the buttons of posts: what fires, why, and who takes it on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alerts import AlertContent
from bot.app.bot import Bot
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.dispatch.reply import Reply
from bot.fronts.slack.blocks.alerts import alert_buttons
from bot.fronts.terminal.lines import answer_lines, text_of
from tests.bot.alerting.world import (
    CHANNEL,
    SILENT,
    WAIT,
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


async def firing(world: Watchers, **options: object) -> Bot:
    """A bot that has said that web-1 is silent."""
    made = await world.bot(**options)
    agent = await world.agent(made, "web-1")
    await agent.channel.close()
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(world.front, "firing"))
    return made


def post(world: Watchers) -> AlertContent:
    (message,) = alerts_in(world.front)
    assert isinstance(message.content, AlertContent)
    return message.content


async def pressed(world: Watchers, made: Bot, label: str) -> Reply:
    """As if somebody had pressed the button that is called so, in Slack."""
    (button,) = [one for one in alert_buttons(post(world)) if one.label == label]
    return await world.stage.ask(made, button.value)


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


async def test_why(stage: Stage) -> None:
    """What is known of it: the rule, its silence, where it is told; also when nothing fires."""
    world = Watchers(stage)
    made = await firing(world)
    text = (await pressed(world, made, "Why")).text
    assert "episode 1: firing, critical" in text
    assert f"sends it to {CHANNEL}" in text
    await world.agent(made, "web-1")
    await until(says(stage.front, "resolved"))
    (watch,) = (await stage.store.alerts.load()).checks
    text = (await stage.ask(made, f"/alerts why {watch.fingerprint[:8]}")).text
    assert "it is not firing, so nobody is notified" in text


async def test_why_something_never_fired(stage: Stage) -> None:
    """Whoever wonders why nothing was said knows no id: a name will do, or matchers."""
    world = Watchers(stage)
    made = await world.bot()
    for number in range(1, 6):
        await world.agent(made, f"web-{number}")
    for words in ("web-2", "silent web-2 in prod", "host=web-2", 'host=~"web-(2|9)" env=prod'):
        text = (await stage.ask(made, f"/alerts why {words}")).text
        assert text.startswith("silent web-2 in prod ("), words
        assert "it is not firing, so nobody is notified" in text
    text = (await stage.ask(made, "/alerts why env=prod")).text
    assert text.count("last heartbeat") == 3
    assert "and silent web-4 in prod (" in text
    for words, told in (("web-22", "Did you mean web-2?"), ("host=db-1", "matches nothing")):
        reply = await stage.ask(made, f"/alerts why {words}")
        assert not reply.ok
        assert told in reply.text


async def test_what_is_muted_is_explained_by_its_name(stage: Stage) -> None:
    """Nothing was said of web-2 because of a silence, which is named with its reason."""
    world = Watchers(stage)
    made = await world.bot()
    for host in ("web-1", "web-2"):
        await world.agent(made, host)
    assert (await stage.ask(made, "/alerts silence host=web-2 for 2h because new disks")).ok
    await world.pass_time(made, SILENT)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    text = (await stage.ask(made, "/alerts why web-2")).text
    assert "not notified: silenced by ann: new disks, for 1 h 58 min more" in text
    answer = (await stage.ask(made, "/alerts")).answer
    assert answer is not None
    assert answer.summary == "2 alerts are firing"
    assert {row[1]: row[-1] for row in answer.rows} == {
        "silent web-1 in prod": "",
        "silent web-2 in prod": "silenced by ann: new disks",
    }
    lines = answer_lines(replace(answer, rows=(answer.rows[0],)))
    assert max(len(text_of(line)) for line in lines) <= 80


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
        assert "; 1 alert left out: you are not allowed to read them" in told
        assert reply.answer is None or not reply.answer.rows
    for words in ("prod", f"why {watch.fingerprint}", "why web-1", "silence host=web-1"):
        reply = await stage.ask(made, f"/alerts {words}")
        assert reply.text.startswith("Not allowed: /alerts in prod. prod is protected"), words
    made.dispatching.authorizer.policy = Policy([Rule(who=("U_ANN",))], policy.environments)
    assert (await stage.ask(made, "/alerts silence host=web-1 for 1h because disks")).ok
    made.dispatching.authorizer.policy = policy
    reply = await stage.ask(made, "/alerts silences")
    assert reply.answer is None or not reply.answer.rows


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
