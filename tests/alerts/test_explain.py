from __future__ import annotations

import pytest

from alerts.explain import explain
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


def test_why_it_is_notified() -> None:
    """Results, thresholds, flapping value, route and post of an alert."""
    world = World(config("[thresholds]"))
    good(WEB_1)(world)
    bad(WEB_1, "status 502")(world)
    world.live(5)
    bad(WEB_1, "status 503")(world)
    world.live(10)
    said = why(world)
    assert "10 s ago: good\n10 s ago: bad: status 502\n5.0 s ago: bad: status 503\n" in said
    assert "2 of 3 consecutive results that would change that" in said
    assert "flapping: no (value 5.8 %, starts above 30 %, ends at 25 %)" in said
    assert "it is not firing, so nobody is notified" in said
    bad(WEB_1)(world)
    world.live(20)
    assert "is not sent yet, but in 20 s" in why(world)
    world.live(100)
    acknowledge(WEB_1)(world)
    said = why(world)
    assert "episode 1: acknowledged, warning, for 1 min 30 s" in said
    assert "acknowledged by U_ANN, so notifications are not repeated" in said
    assert "the default route sends it to ops" in said
    assert "in ops last sent a message 1 min ago" in said


def test_why_nobody_is_notified() -> None:
    """A silence, an inhibit rule, and blindness are named."""
    world = World()
    silence("host=web-1", 600)(world)
    bad(WEB_1)(world)
    world.live(60)
    assert "not notified: silenced by U_ANN: disk, for 9 min more" in why(world)
    app = thing("web-2", app="shop")
    bad(thing("web-2", name="silent"))(world)
    bad(app)(world)
    world.live(100)
    said = why(world, app.fingerprint)
    assert "not notified: muted by silent web-2 in prod" in said
    assert (
        'inhibit rule: alertname=silent mutes app=~".+" if these labels are equal: env, host'
        in said
    )
    blind()(world)
    world.live(160)
    assert "monitoring has been blind for 1 min; alert states do not change meanwhile" in why(world)


def test_why_a_server_is_not_dead_yet() -> None:
    world = World()
    key = thing("web-1", name="silent").fingerprint
    for heard, known in ((0, "0 intervals are"), (15, "1 interval is"), (30, "2 intervals are")):
        world.at(heard, beat("web-1"))
        world.live(heard + 1)
        assert f"only {known} known, so it counts as down after 45 s without a heartbeat" in why(
            world, key
        )
    world.every(15, beat("web-1"), first=45, last=300)
    world.live(310)
    said = why(world, key)
    assert "last heartbeat 10 s ago, expected every 15 s" in said
    assert "it counts as down from 8, which is 38 s without a heartbeat" in said
    for about in ("", "nothing"):
        with pytest.raises(UsageError, match="has an ID that begins"):
            why(world, about)
