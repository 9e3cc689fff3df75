"""Which channels are notified of an alert."""

from __future__ import annotations

import pytest

from alerts.explain import explain
from alerts.labels import Labels
from alerts.settings import parse_alerts
from baton.errors import SettingsError
from tests.alerts.harness import (
    START,
    Message,
    World,
    acknowledge,
    bad,
    config,
    good,
    thing,
)

WEB_1 = thing("web-1")
WEB_2 = thing("web-2")

DAY = 86400.0
DISK = Labels.of(alertname="DiskFull", host="db-1")


def test_every_label_may_group_and_nothing_be_waited_for() -> None:
    settings = parse_alerts(
        'channel = "C1"\ngroup_by = ["..."]\ngroup_wait = "0s"\nrepeat_interval = "1y"\n'
    )
    route = settings.default_route
    assert (route.wait, route.repeat) == (0, 365 * DAY)
    assert route.group(DISK)[1] == DISK


def test_a_route_may_lead_nowhere() -> None:
    """A watchdog that always fires can be dropped: nobody is notified; it is listed, and why says
    so."""
    dog, cat = thing("dog"), thing("cat")
    world = World(config('[[route]]\nmatch = "host=dog"\ndrop = true\n'))
    world.at(0, bad(dog), bad(cat))
    world.want(Message("ops", "http cat"), between=(30, 30))
    world.run(until=60)
    assert len(world.engine.firing()) == 2
    lines = explain(world.engine, dog.fingerprint, START + world.now)
    assert "route host=dog drops it: nobody is notified" in lines
    for wrong in ('channel = "C2"\nmatch = "a=b"\n', "", 'continue = true\nmatch = "a=b"\n'):
        with pytest.raises(SettingsError, match="drop"):
            config(f"[[route]]\ndrop = true\n{wrong}")


def test_routes_and_mentions() -> None:
    """The first route that matches is taken, and later ones if it continues; each mentions its
    people in the first message of a critical episode, and never again."""
    more = """
        [[route]]
        match = "severity=critical"
        channel = "pager"
        mention = "@oncall"
        continue = true
        [[route]]
        match = 'host=~"web-.*"'
        channel = "web"
        mention = "@web"
        """
    world = World(config(more, repeat_interval="1h"))
    world.at(0, bad(WEB_1, severity="critical"), bad(thing("db-1")), bad(WEB_2))
    world.want(Message("pager", "web-1", mention="@oncall"), between=(30, 30))
    world.want(Message("web", "web-1", mention="@web"), between=(30, 30))
    world.want(Message("web", "web-2", mention=""), between=(30, 30))
    world.want(Message("ops", "db-1", mention=""), between=(30, 30))
    world.at(60, acknowledge(thing("db-1")), acknowledge(WEB_2))
    world.want(Message("pager", "Still firing", mention=""), between=(3630, 3630))
    world.want(Message("web", "Still firing", mention=""), between=(3630, 3630))
    world.at(4000, good(WEB_1))
    world.run(until=5000)
    for post in world.posts.values():
        assert post.content.state != "resolved" or not post.content.mention
