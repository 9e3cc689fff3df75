from __future__ import annotations

import pytest

from alerts import Engine
from alerts.changes import Changes
from alerts.explain import explain
from alerts.labels.matchers import Matchers
from alerts.observation import Beat, CheckIn, Observation, Sample, Severity
from alerts.replay import differ, read, replay, written
from baton.errors import UsageError
from tests.alerts.harness import (
    START,
    World,
    acknowledge,
    bad,
    beat,
    blind,
    config,
    good,
    silence,
    thing,
)

WEB_1 = thing("web-1")


def why(world: World, about: str = WEB_1.fingerprint[:8]) -> str:
    return "\n".join(explain(world.engine, about, START + world.now))


def test_why_it_is_told() -> None:
    """Samples, rules, flap value, route and post of what is told."""
    world = World(config("[thresholds]"))
    good(WEB_1)(world)
    bad(WEB_1, "status 502")(world)
    world.live(5)
    bad(WEB_1, "status 503")(world)
    world.live(10)
    said = why(world)
    assert "10 s ago: good\n10 s ago: bad: status 502\n5.0 s ago: bad: status 503\n" in said
    assert "2 of the 3 results in a row that would change that" in said
    assert "flapping: no (value 5.8 %, begins above 30 %, ends at 25 %)" in said
    assert "it does not fire, so nothing is told" in said
    bad(WEB_1)(world)
    world.live(20)
    assert "is not told yet: it will be in 20 s" in why(world)
    world.live(100)
    acknowledge(WEB_1)(world)
    said = why(world)
    assert "episode 1: acknowledged, warning, for 1 min 30 s" in said
    assert "U_ANN took it on, so it is not said again" in said
    assert "route for everything else leads to ops" in said
    assert "in ops was told 1 min ago" in said


def test_why_nothing_is_said() -> None:
    """A silence, a rule that mutes, and blindness are named."""
    world = World()
    silence("host=web-1", 600)(world)
    bad(WEB_1)(world)
    world.live(60)
    assert "not told: silenced by U_ANN: disk, for 9 min more" in why(world)
    app = thing("web-2", app="shop")
    bad(thing("web-2", name="silent"))(world)
    bad(app)(world)
    world.live(100)
    said = why(world, app.fingerprint)
    assert "not told: muted by silent web-2 in prod" in said
    assert 'the rule: alertname=silent mutes app=~".+" with the same env, host' in said
    blind()(world)
    world.live(160)
    assert "we are blind for 1 min: nothing moves" in why(world)


def test_why_a_server_is_not_dead_yet() -> None:
    world = World()
    key = thing("web-1", name="silent").fingerprint
    for heard, known in ((0, "0 intervals are"), (15, "1 interval is"), (30, "2 intervals are")):
        world.at(heard, beat("web-1"))
        world.live(heard + 1)
        assert f"only {known} known, so it may be silent for 45 s" in why(world, key)
    world.every(15, beat("web-1"), first=45, last=300)
    world.live(310)
    said = why(world, key)
    assert "last heartbeat 10 s ago, one is due every 15 s" in said
    assert "it means dead from 8, which is after 38 s of silence" in said
    for about in ("", "nothing"):
        with pytest.raises(UsageError, match="is watched whose id begins"):
            why(world, about)


RECORDED: list[Observation] = [
    Sample(WEB_1, True, START, "status 502"),
    Sample(thing("web-2"), True, START + 1, severity=Severity.CRITICAL),
    Beat("web-3", "prod", 15.0, START + 2),
    CheckIn("backup", START + 3),
    Sample(WEB_1, False, START + 20),
    Sample(WEB_1, True, START + 60),
]


def test_replay_says_which_messages_would_differ() -> None:
    """The same samples under other settings: what would be new, gone, and the same."""
    old = config()
    new = config(
        '[[route]]\nmatch = "alertname=http severity=critical"\nchannel = "pager"\n',
        group_wait="10s",
    )
    before = [(said.at - START, said.bulletin.content.title) for said in replay(old, RECORDED)]
    assert before == [
        (31, "http web-2 in prod"),
        (2 + 45 + 30, "silent web-3 in prod"),
        (90, "http web-1 in prod"),
    ]
    found = differ(old, new, RECORDED)
    assert [said.line for said in found.gone] == [
        "ops: firing: http web-2 in prod",
        "ops: firing: http web-1 in prod",
    ]
    assert [said.line for said in found.new] == [
        "ops: firing: http web-1 in prod",
        "pager: firing: http web-2 in prod",
        "ops: firing: Also firing: http web-1 in prod",
    ]
    assert found.same == 1
    assert differ(old, old, RECORDED).same == 3
    assert replay(old, []) == []


def test_what_is_recorded_is_read_back() -> None:
    assert read([*written(reversed(RECORDED)), ""]) == RECORDED
    for line in ('{"kind": "sample"}', "[]", "nonsense", '{"kind": "x"}'):
        with pytest.raises(UsageError, match="Line 2 is no recorded sample"):
            read(["", line])


def test_what_people_must_not_ask() -> None:
    """A silence must not mean everything, needs a reason, and must last."""
    engine = Engine(config())
    for matchers, seconds, reason in (
        ("", 60, "x"),
        ("a!=b", 60, "x"),
        ("a=b", 0, "x"),
        ("a=b", 60, " "),
    ):
        with pytest.raises(UsageError):
            engine.silence(Matchers.parse(matchers), seconds, "U_ANN", reason, START)
    with pytest.raises(UsageError, match="no silence"):
        engine.unsilence("nothing", START)
    with pytest.raises(UsageError, match="no check-in called backup"):
        engine.observe(CheckIn("backup", START))


def test_a_preview_of_what_a_silence_would_mute() -> None:
    world = World()
    for host in ("web-1", "web-2", "db-1"):
        bad(thing(host))(world)
    meant = world.engine.meant(Matchers.parse('host=~"web-.*"'))
    assert [one.labels.get("host") for one in meant] == ["web-1", "web-2"]


def test_changes_that_could_not_be_written_are_kept() -> None:
    """Of what was not written down, the later state of each row stays."""
    world = World()
    bad(WEB_1)(world)
    first = world.tick()
    acknowledge(WEB_1)(world)
    second = world.tick()
    both = first.merged(second)
    assert both.episodes[WEB_1.fingerprint, 1].acknowledged_by == "U_ANN"
    assert both.watches == first.watches
    assert not Changes()
    assert both


def test_what_was_told_long_ago_is_forgotten() -> None:
    """A thing that was told once and is well is dropped after a week, and its next episode bears
    the next number."""
    world = World()
    bad(WEB_1, told=True)(world)
    world.live(100)
    world.at(200, lambda world: world.engine.observe(Sample(WEB_1, False, START + 200, told=True)))
    world.live(9 * 86400)
    assert world.engine.checks.watches == {}
    assert [row.forgotten for row in world.rows.watches] == [True]
    world.restart()
    bad(WEB_1, told=True)(world)
    assert [one.number for one in world.engine.firing()] == [2]
