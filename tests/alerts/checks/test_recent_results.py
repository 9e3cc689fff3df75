"""The past that /alerts why shows: the last results of a check, kept small, over restarts too."""

from __future__ import annotations

import pytest

from alerts import Engine
from alerts.checks.check_state import SAVE_INTERVAL
from alerts.checks.recent_results import MAX_RESULTS, MAX_TEXT, RecentResults
from alerts.explain import explain
from tests.alerts.harness import START, World, bad, beat, config, good, restart, thing

WEB_1 = thing("web-1")


def why(world: World, about: str = WEB_1.fingerprint) -> list[str]:
    return list(explain(world.engine, about, START + world.now))


def test_only_the_last_are_kept() -> None:
    """They are in the order in which they came, each with its text, which is cut."""
    recent = RecentResults()
    assert list(recent) == []
    for number in range(MAX_RESULTS + 3):
        recent.add(
            START + number, number % 2 == 0, "x" * 1000 if number == MAX_RESULTS else f"{number}"
        )
    found = list(recent)
    assert [at - START for at, _, _ in found] == list(range(3, MAX_RESULTS + 3))
    assert [is_bad for _, is_bad, _ in found] == [
        number % 2 == 0 for number in range(3, MAX_RESULTS + 3)
    ]
    assert found[0][2] == "3"
    assert found[MAX_RESULTS - 3][2] == "x" * MAX_TEXT
    assert list(RecentResults(found)) == found


def test_equal_words_are_kept_once() -> None:
    """A text that a thousand servers share is in memory once."""
    one, other = RecentResults(), RecentResults()
    one.add(START, True, "".join(["status ", "502"]))
    other.add(START, True, "".join(["status 5", "02"]))
    assert next(iter(one))[2] is next(iter(other))[2]


def test_results_outlive_a_restart() -> None:
    """They are stored with the row of the check, so that another bot can explain it."""
    world = World(config("[thresholds]"))
    for at in range(0, 60, 20):
        world.at(at, bad(WEB_1, "status 502"))
    world.live(60)
    said = why(world)
    assert sum(line.endswith("ago: bad: status 502") for line in said) == 3
    restart(world)
    assert why(world)[2:5] == said[2:5]


def test_what_is_well_is_written_once_in_a_while() -> None:
    """A good result changes nothing, so it is not stored each time, but every few minutes, so that
    other bots do not show old results."""
    world = World()
    world.every(10, good(WEB_1), first=0, last=2 * SAVE_INTERVAL + 60)
    world.live(2 * SAVE_INTERVAL + 65)
    (row,) = world.rows.checks
    assert [at - START for at, _, _ in row.recent][-1] == 2 * SAVE_INTERVAL
    engine = Engine.restore(world.settings, world.rows, START + world.now)
    assert "1 min 5 s ago: good" in explain(engine, WEB_1.fingerprint, START + world.now)


def test_of_heartbeats_the_rhythm_tells() -> None:
    """Of a healthy server the last intervals are shown; an outage is a result, and so is the
    heartbeat that ended it."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=60)
    world.at(180, beat("web-1"))
    world.live(185)
    said = why(world, thing("web-1", name="silent").fingerprint)
    assert [line for line in said if "ago: " in line] == [
        "1 min 20 s ago: bad: no heartbeat for 45 s, expected every 15 s",
        "5.0 s ago: good",
    ]
    assert any("the last intervals were 15 s, 15 s, 15 s, 15 s" in line for line in said)


@pytest.mark.parametrize("decided", [True, False])
def test_what_was_decided_is_a_result_too(decided: bool) -> None:
    world = World()
    bad(WEB_1, "disk full", decided=decided)(world)
    assert "0.0 s ago: bad: disk full" in why(world)
