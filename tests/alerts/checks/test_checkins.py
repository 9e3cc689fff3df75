"""Check-ins that are late, or never came: one that was configured and forgotten is an alert too."""

from __future__ import annotations

from alerts.explain import explain
from tests.alerts.harness import (
    START,
    Message,
    World,
    check_in,
    config,
    reload,
    restart,
    text_of,
)

HOURLY = '[[checkin]]\nname = "backup"\nevery = "1h"\ngrace = "5m"\n'
LATE = 3600 + 300


def test_one_that_never_came_is_late() -> None:
    """It is late when its interval and grace have passed since it was configured, and resolves when
    it comes at last."""
    world = World(config())
    world.at(100, reload(config(HOURLY)))
    world.want(Message("ops", "no check-in since it was configured 1 h 5 min ago"), (4030, 4031))
    world.at(5000, check_in("backup"))
    world.run(6000)
    assert world.post("backup").state == "resolved"


def test_that_moment_outlives_restarts() -> None:
    """However often the bot restarts, the wait began when it was first configured."""
    world = World(config(HOURLY))
    world.at(0, reload(config(HOURLY)))
    for at in range(600, LATE, 600):
        world.at(at, restart)
    world.want(Message("ops", "no check-in since it was configured 1 h 5 min ago"), (3930, 3931))
    world.run(5000)


def test_one_that_comes_in_time_is_not_spoken_of() -> None:
    world = World(config(HOURLY))
    world.at(0, reload(config(HOURLY)))
    world.at(3500, check_in("backup"))
    world.run(3500 + LATE - 1)


def test_why_says_that_it_is_awaited() -> None:
    world = World(config(HOURLY))
    world.at(0, reload(config(HOURLY)))
    world.live(60)
    (watch,) = world.engine.checks.states
    said = explain(world.engine, watch, START + 60)
    assert "no check-in yet, expected since 1 min ago; late in 1 h 4 min" in said


def test_another_rhythm_counts_from_when_it_was_set() -> None:
    """A shorter interval does not make it late at once."""
    world = World(config('[[checkin]]\nname = "backup"\nevery = "1d"\n'))
    world.at(0, check_in("backup"))
    world.at(20_000, reload(config(HOURLY)))
    late = 20_000 + LATE + 30
    world.want(Message("ops", "no check-in for"), (late, late + 1))
    world.run(late + 60)


def test_a_reload_that_changes_nothing_moves_nothing() -> None:
    world = World(config(HOURLY))
    world.at(0, check_in("backup"))
    for at in range(100, 3600, 100):
        world.at(at, reload(config(HOURLY)))
    world.want(Message("ops", "no check-in for"), (LATE + 30, LATE + 31))
    world.run(LATE + 60)


def test_one_with_other_labels_is_another_thing() -> None:
    """The check with the old labels is dropped: it does not become late later."""
    world = World(config(HOURLY))
    world.at(0, check_in("backup"))
    moved = config(HOURLY + 'env = "prod"\n')
    world.at(100, reload(moved))
    world.at(200, check_in("backup"))
    world.run(200 + LATE - 1)
    (watch,) = world.engine.checks.states.values()
    assert watch.labels.get("env") == "prod"


def test_a_late_check_in() -> None:
    """A check-in that does not come within its interval and grace is notified."""
    more = """
        [[checkin]]
        name = "backup"
        every = "1h"
        grace = "10m"
        severity = "critical"
        """
    world = World(config(more))
    world.at(0, check_in("backup"))
    world.at(3900, check_in("backup"))
    world.want(Message("ops", "late", "firing"), between=(8130, 8130))
    world.at(9000, check_in("backup"))
    world.at(9100, check_in("backup", failed=True))
    world.want(Message("ops", "it reported a failure"), between=(9130, 9130))
    world.run(until=9200)


def test_a_check_in_by_cron() -> None:
    """By cron a check-in is due at the next time, whenever the last one came."""
    more = '[[checkin]]\nname = "backup"\ncron = "0 * * * *"\ngrace = "5m"\n'
    world = World(config(more))
    world.at(0, check_in("backup"))
    world.want(Message("ops", "late"), between=(3200 + 300 + 30, 3200 + 300 + 30))
    world.run(until=6000)


def test_a_check_in_that_is_no_longer_configured() -> None:
    """A reload without a check-in ends its alert, with a note that says why."""
    more = '[[checkin]]\nname = "backup"\nevery = "1m"\ngrace = "1m"\n'
    world = World(config(more))
    world.at(0, check_in("backup"))
    world.want(Message("ops", "late"), between=(150, 150))
    world.at(200, reload(config()))
    world.run(until=1000)
    assert "it is no longer monitored" in text_of(world.post("late"))
