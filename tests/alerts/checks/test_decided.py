"""What others tell, by several bots, each with a clock of its own."""

from __future__ import annotations

import pytest

from alerts import Sample
from tests.alerts.harness import START, Message, World, bad, blind, restart, seeing, thing

DB = thing("db-1")
BACK = 30.0
"""Seconds by which another bot's clock is behind, or ours was set back."""


def resolved(world: World) -> None:
    """The end of the alert comes by a bot whose clock is behind."""
    world.engine.observe(Sample(DB, False, START + world.now - BACK, decided=True))


@pytest.mark.parametrize("away", [False, True], ids=["seeing", "blind"])
def test_the_end_counts_whatever_clock_it_came_by(away: bool) -> None:
    """What is told last is true: an alert does not go on for ever because two clocks differ."""
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
    """Over a restart, too: what is written down then bears times that are still to come."""
    world = World()
    world.at(0, bad(DB, decided=True))
    world.want(Message("ops", "db-1", "firing"), between=(30, 30))
    world.at(50, World.tick, restart)
    world.at(51, lambda world: world.engine.observe(Sample(DB, False, START - 3600, decided=True)))
    world.run(until=600)
    assert world.post("db-1").state == "resolved"
