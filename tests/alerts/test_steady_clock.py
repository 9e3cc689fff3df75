"""Clocks that are set back between two runs of the bot: stored times are in the future then."""

from __future__ import annotations

from alerts.steady_clock import SteadyClock
from tests.alerts.harness import (
    Message,
    World,
    acknowledge,
    bad,
    beat,
    config,
    restart,
    silence,
    thing,
)

HOUR = 3600.0


def set_back(world: World, seconds: float = HOUR) -> None:
    """The bot restarts with a clock that is right at last."""
    world.tick()
    world.now -= seconds
    restart(world)


def test_a_server_that_dies_is_missed_as_soon() -> None:
    """Its last heartbeat counts as of now, not as of an hour later."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=1000)
    world.live(1000)
    set_back(world)
    back = world.now
    world.want(Message("ops", "silent web-1"), between=(back + 38, back + 45 + 31))
    world.run(until=back + 600)


def test_what_joins_a_group_is_notified_in_time() -> None:
    """Its last message, and those of the channel, count as of now: five minutes later the next one
    is due."""
    world = World(config("[storm]\nmost = 2", group_by=["env"]))
    world.at(0, bad(thing("web-1")))
    world.live(100)
    assert len(world.heard) == 1
    set_back(world)
    world.heard.clear()
    back = world.now
    acknowledge(thing("web-1"))(world)
    world.at(back + 10, bad(thing("web-2")), bad(thing("db-1", env="test")))
    world.want(Message("ops", "db-1"), between=(back + 40, back + 61))
    world.want(Message("ops", "Also firing: http web-2"), between=(back + 300, back + 331))
    world.run(until=back + 2000)


def test_a_group_that_was_not_notified_yet_is() -> None:
    """It had waited for a part of its group_wait, and waits for the rest."""
    world = World()
    world.at(0, bad(thing("web-1")))
    world.live(10)
    set_back(world)
    back = world.now
    world.want(Message("ops", "http web-1"), between=(back + 20, back + 31))
    world.run(until=back + 600)


def test_a_silence_holds_for_as_long_as_was_asked() -> None:
    """It is active at once, and ends when the rest of it is over."""
    world = World()
    world.at(0, silence("host=web-1", 600))
    world.live(100)
    set_back(world)
    back = world.now
    world.at(back + 10, bad(thing("web-1")))
    world.want(Message("ops", "http web-1"), between=(back + 500, back + 631))
    world.run(until=back + 5000)


def test_the_steady_clock_does_not_jump() -> None:
    wall, monotonic = [1000.0], [50.0]
    steady = SteadyClock(lambda: wall[0], lambda: monotonic[0])
    assert steady.now() == 1000
    wall[0] += 3600
    monotonic[0] += 10
    assert steady.now() == 1010
    assert steady.skew() == 3590
