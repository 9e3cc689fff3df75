"""Which channels hear of an alert."""

from __future__ import annotations

import pytest

from alerts.explain import explain
from alerts.labels import Labels
from alerts.settings import parse_alerts
from baton.errors import SettingsError
from tests.alerts.harness import START, Message, World, bad, config, thing

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
    """A watchdog that always fires: nobody is told; it is listed, and why says so."""
    dog, cat = thing("dog"), thing("cat")
    world = World(config('[[route]]\nmatch = "host=dog"\ndrop = true\n'))
    world.at(0, bad(dog), bad(cat))
    world.want(Message("ops", "http cat"), between=(30, 30))
    world.run(until=60)
    assert len(world.engine.firing()) == 2
    lines = explain(world.engine, dog.fingerprint, START + world.now)
    assert "route host=dog drops it: nobody is told" in lines
    for wrong in ('channel = "C2"\nmatch = "a=b"\n', "", 'continue = true\nmatch = "a=b"\n'):
        with pytest.raises(SettingsError, match="drop"):
            config(f"[[route]]\ndrop = true\n{wrong}")
