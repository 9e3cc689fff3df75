"""Flapping, as in Icinga."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.checks import flapping
from tests.alerts.harness import (
    Message,
    World,
    bad,
    config,
    good,
    thing,
)

WEB_1 = thing("web-1")


def test_the_worked_example_of_icinga() -> None:
    """Icinga 2, "Check Flapping": changes that weigh 0.84, 0.86, 0.88, 0.9, 0.98, 1.06, 1.12 and
    1.18 give 39.1 %, which flaps; seven more results without a change end it."""
    places = {2, 3, 4, 5, 9, 13, 16, 19}
    bits, changes = 0, _never()
    for place in range(flapping.RESULTS):
        bits, changes = flapping.record(bits, changes, place in places, float(place))
    assert flapping.value(bits) == 39.1
    assert flapping.is_flapping(False, 39.1, high=30, low=25)
    for place in range(7):
        bits, changes = flapping.record(bits, changes, False, 20.0 + place)
    assert flapping.value(bits) < 25
    assert not flapping.is_flapping(True, flapping.value(bits), high=30, low=25)


def _never() -> tuple[float, ...]:
    return ()


def test_between_the_thresholds_it_stays_as_it_was() -> None:
    assert flapping.is_flapping(True, 27, 30, 25)
    assert not flapping.is_flapping(False, 27, 30, 25)
    assert not flapping.is_flapping(False, 30, 30, 25)
    assert not flapping.is_flapping(True, 25, 30, 25)


@given(st.lists(st.booleans(), max_size=60), st.floats(1, 100))
def test_the_history_of_changes_is_the_last_twenty(story: list[bool], window: float) -> None:
    """Bits and times agree with a plain list of the last 20 results, and old ones are dropped."""
    bits, changes = 0, _never()
    for at, changed in enumerate(story):
        bits, changes = flapping.record(bits, changes, changed, float(at))
        bits, changes = flapping.aged(bits, changes, float(at), window)
    now = len(story) - 1
    last = list(enumerate(story))[-20:]
    kept = [at for at, changed in last if changed and at > now - window]
    assert list(changes) == [float(at) for at in reversed(kept)]
    weights = [0.8 + 0.02 * (19 - (now - at)) for at in kept]
    assert flapping.value(bits) == pytest.approx(100 * sum(weights) / 20)


def test_flapping_is_notified_once() -> None:
    """Flapping sends one message when it starts and none meanwhile; at its end the post shows the
    true state."""
    world = World()
    for count in range(40):
        world.at(count * 40, (bad if count % 2 == 0 else good)(WEB_1))
    world.want(Message("ops", "web-1", "firing"), between=(30, 30))
    world.want(Message("ops", "Flapping: http web-1", "flapping"), between=(330, 330))
    world.every(10, good(WEB_1), first=1600, last=2000)
    world.run(until=5000)
    assert world.post("web-1").state == "resolved"


def test_flapping_from_the_start_is_one_message() -> None:
    """An alert that flaps before it was notified is notified as flapping, once."""
    world = World()
    for count in range(40):
        world.at(count * 10, (bad if count % 2 == 0 else good)(WEB_1))
    world.want(Message("ops", "web-1", "flapping"), between=(70, 70))
    world.every(10, good(WEB_1), first=400, last=1000)
    world.run(until=5000)
    assert world.post("web-1").state == "resolved"


def test_flapping_that_ends_down() -> None:
    """The true state is notified when flapping ends, and people on call are not called twice for
    it."""
    world = World(config(mention="@oncall"))
    for count in range(40):
        act = bad(WEB_1, severity="critical") if count % 2 == 0 else good(WEB_1)
        world.at(count * 40, act)
    world.want(Message("ops", "web-1", "firing", mention="@oncall"), between=(30, 30))
    # the third episode is another one, so people are called for it
    world.want(Message("ops", "Flapping", "flapping", mention="@oncall"), between=(330, 330))
    world.every(10, bad(WEB_1, severity="critical"), first=1600, last=2000)
    world.want(Message("ops", "Also firing", "firing", mention=""), between=(1700, 1800))
    world.run(until=5000)


def test_flapping_ends_by_time_alone() -> None:
    """Changes older than the window do not count, even if no more results come."""
    world = World(config('[flapping]\nwindow = "10m"'))
    for count in range(11):
        world.at(count * 40, (bad if count % 2 == 0 else good)(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "Flapping"), between=(330, 330))
    world.want(Message("ops", "Also firing"), between=(840, 840))
    world.run(until=2000)
