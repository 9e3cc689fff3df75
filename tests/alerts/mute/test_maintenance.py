"""Planned maintenance: windows that open once, and windows that open again and again."""

from __future__ import annotations

from datetime import UTC, datetime

from alerts.explain import explain
from alerts.mute.silences import Window
from tests.alerts.harness import (
    START,
    Message,
    World,
    bad,
    config,
    good,
    thing,
)

WEB_1 = thing("web-1")
WEB_2 = thing("web-2")
DB_1 = thing("db-1")


def moment(seconds: float) -> str:
    """Return the time of the story, in seconds, as TOML writes it."""
    return datetime.fromtimestamp(START + seconds, UTC).isoformat()


def test_a_window_that_comes_once() -> None:
    """Nothing that matches is notified while the window is open, whether it started in it or
    before; what still fires at its end is, and so is all that comes later."""
    once = f"""
        [[maintenance]]
        match = 'host=~"web-.*"'
        reason = "new disks"
        start = {moment(100)}
        end = {moment(1000)}
        """
    world = World(config(once, repeat_interval="10m"))
    world.at(0, bad(DB_1))
    world.want(Message("ops", "db-1"), between=(30, 30))
    world.at(60, good(DB_1))
    world.at(90, bad(WEB_1))  # its group_wait ends in the window
    world.at(500, bad(WEB_2), bad(DB_1))
    world.want(Message("ops", "db-1"), between=(530, 530))
    world.at(600, good(DB_1))

    def says_why(world: World) -> None:
        said = explain(world.engine, WEB_2.fingerprint, START + world.now)
        assert "not notified: maintenance: new disks, for 5 min more" in said

    world.at(700, says_why)
    world.at(900, good(WEB_1))
    world.want(Message("ops", "web-2"), between=(1030, 1030))
    world.at(1100, good(WEB_2))
    world.at(5000, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(5030, 5030))
    world.at(5100, good(WEB_1))
    world.run(until=6000)


def test_a_window_that_comes_again_in_its_own_zone() -> None:
    """It opens at each time of its cron, on the clock of its zone, over the change to summer
    time."""
    window = Window(
        config().default_route.matchers,
        "weekly",
        cron="0 3 * * 0",
        zone="Europe/Berlin",
        length=7200.0,
    )
    for day, hour in ((22, 2), (29, 1)):  # 2026-03-29 is the first Sunday in summer time
        opens = datetime(2026, 3, day, hour, tzinfo=UTC).timestamp()
        assert window.until(opens - 1) is None
        assert window.next_change(opens - 1) == opens
        assert window.until(opens) == window.next_change(opens) == opens + 7200
        assert window.until(opens + 7200) is None


def test_maintenance_once_and_again() -> None:
    """In a maintenance window nothing is notified; what still fires at its end is."""
    more = """
        [[maintenance]]
        match = "env=prod"
        reason = "new disks"
        cron = "0 * * * *"
        length = "10m"
        """
    world = World(config(more))
    # the story begins at 15:06:40 UTC; the next full hour is 3200 s into it
    world.at(3300, bad(WEB_1), bad(WEB_2))
    world.at(3500, good(WEB_2))
    world.want(Message("ops", "web-1"), between=(3830, 3830))
    world.run(until=6000)
