"""Hard states, as in Nagios."""

from __future__ import annotations

from alerts.checks.threshold import Thresholds, step
from tests.alerts.harness import (
    Message,
    World,
    bad,
    config,
    good,
    thing,
    web_1_is,
)

WEB_1 = thing("web-1")


def test_hard_states() -> None:
    """Down after N bad results in a row, up after M good ones; a different result in between starts
    the count again."""
    limits = Thresholds(3, 2)
    down, run, seen = False, 0, []
    for is_bad in (True, True, False, True, True, True, False, True, False, False):
        down, run = step(down, run, is_bad, limits)
        seen.append(down)
    assert seen == [False] * 5 + [True] * 4 + [False]


def test_down_after_n_and_up_after_m() -> None:
    """By default a check is down after 3 bad results in a row, and up after 2 good ones."""
    world = World(config("[thresholds]\n[flapping]\nhigh = 100"))
    story = (bad(WEB_1), bad(WEB_1), good(WEB_1), bad(WEB_1), bad(WEB_1), bad(WEB_1))
    for when, act in enumerate(story, start=1):
        world.at(when * 10, act)
    world.want(Message("ops", "web-1"), between=(90, 90))
    world.at(100, good(WEB_1))
    world.at(110, bad(WEB_1))
    world.at(120, good(WEB_1))
    world.at(129, lambda world: web_1_is(world, "firing"))
    world.at(130, good(WEB_1))
    world.at(131, lambda world: web_1_is(world, "resolved"))
    world.run(until=300)


def test_a_probe_has_thresholds_of_its_own() -> None:
    more = '[[probe]]\nname = "shop"\ntcp = "127.0.0.1:80"\ndown_after = 2\n'
    world = World(config(more))
    world.at(0, bad(WEB_1, source="probe/shop"))
    world.at(50, good(WEB_1, source="probe/shop"))
    world.at(100, bad(WEB_1, source="probe/shop"))
    world.at(110, bad(WEB_1, source="probe/shop"))
    world.want(Message("ops", "web-1"), between=(140, 140))
    world.run(until=300)
