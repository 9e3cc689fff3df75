"""Results that their sender decided, by way of several bots whose clocks differ."""

from __future__ import annotations

import pytest

from alerts import Sample
from tests.alerts.harness import (
    START,
    Message,
    World,
    bad,
    blind,
    good,
    restart,
    seeing,
    text_of,
    thing,
    web_1_is,
)

WEB_1 = thing("web-1")

DB = thing("db-1")
BACK = 30.0
"""Seconds by which another bot's clock is behind, or ours was set back."""


def resolved(world: World) -> None:
    """The end of the alert comes by way of a bot whose clock is behind."""
    world.engine.observe(Sample(DB, False, START + world.now - BACK, decided=True))


@pytest.mark.parametrize("away", [False, True], ids=["seeing", "blind"])
def test_the_end_counts_whatever_clock_it_came_by(away: bool) -> None:
    """The last result to arrive counts: an alert does not fire for ever because two clocks
    differ."""
    world = World()
    world.at(0, bad(DB, decided=True))
    world.want(Message("ops", "db-1", "firing"), between=(30, 30))
    world.at(41, bad(DB, decided=True))
    world.at(42, resolved)
    if away:
        world.at(40, blind())
        world.at(45, seeing())
    world.run(until=600)
    assert world.post("db-1").state == "resolved"


def test_the_end_counts_after_the_clock_was_set_back() -> None:
    """It counts over a restart, too, when stored times are in the future."""
    world = World()
    world.at(0, bad(DB, decided=True))
    world.want(Message("ops", "db-1", "firing"), between=(30, 30))
    world.at(50, World.tick, restart)
    world.at(51, lambda world: world.engine.observe(Sample(DB, False, START - 3600, decided=True)))
    world.run(until=600)
    assert world.post("db-1").state == "resolved"


def test_what_was_pushed_ends() -> None:
    """An alert that was pushed with an end resolves unless it is pushed again."""
    world = World()
    world.at(0, bad(WEB_1, decided=True, ends=300))
    world.at(200, bad(WEB_1, decided=True, ends=500))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(499, lambda world: web_1_is(world, "firing"))
    world.run(until=600)
    assert "it was not reported again" in text_of(world.post("web-1"))


def test_what_is_delivered_again_is_not_news() -> None:
    """A failure that is delivered again after the success that followed it does not fire again."""
    world = World()
    again = Sample(WEB_1, True, START, decided=True, dated=True)
    world.at(0, bad(WEB_1, decided=True, dated=True))
    world.at(10, good(WEB_1, decided=True, dated=True))
    world.at(20, lambda world: world.engine.observe(again))
    world.run(until=600)
