"""The rhythm of heartbeats, and how sure it is that no more come."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.checks.heartbeats import Rhythm, deviations, phi
from tests.alerts.harness import (
    Message,
    World,
    beat,
    config,
)


def test_phi_is_what_the_paper_says() -> None:
    """phi = -log10(1 - F(t)): at the mean one half is left; at 8, one of 10^8; it never falls,
    even where the normal distribution has underflowed."""
    assert phi(10, 10, 2) == pytest.approx(-math.log10(0.5))
    assert phi(10 + 2 * deviations(8), 10, 2) == pytest.approx(8)
    values = [phi(t, 10, 2) for t in range(400)]
    assert values == sorted(values)
    assert phi(10 + 2 * 37.5, 10, 2) == pytest.approx(phi(10 + 2 * 37.6, 10, 2), rel=0.01)


def test_a_rhythm_is_learned() -> None:
    """With few intervals three missed heartbeats decide; then mean, deviation and pause do."""
    rhythm = Rhythm(15)
    assert rhythm.allowance(8, 0.1, 1) == 45
    for count in range(250):
        rhythm.learn(14 if count % 2 else 16)
    assert len(rhythm.gaps) == 100
    assert rhythm.normal(0.01, 0) == pytest.approx((15, 1))
    assert rhythm.allowance(8, 0.1, 1) == pytest.approx(15 + 15 + 5.612 * 1.5, rel=1e-4)
    rhythm.learn(2)  # it was asked to speak
    assert rhythm.normal(0.01, 0) == pytest.approx((15, 1))
    assert Rhythm(15, rhythm.gaps).normal(0.01, 0) == pytest.approx((15, 1))


@given(st.lists(st.floats(8, 60, width=32), min_size=1, max_size=300))
def test_running_sums_equal_the_window(gaps: list[float]) -> None:
    rhythm = Rhythm(15)
    for gap in gaps:
        rhythm.learn(gap)
    window = gaps[-100:]
    assert list(rhythm.gaps) == window
    if len(window) >= 10:
        mean, deviation = rhythm.normal(1e-9, 0) or (0, 0)
        true = sum(window) / len(window)
        assert mean == pytest.approx(true)
        spread = math.sqrt(sum((gap - true) ** 2 for gap in window) / len(window))
        assert deviation == pytest.approx(spread, abs=1e-3)


def test_a_silent_server_is_notified_in_time() -> None:
    """A killed agent is notified within three heartbeat intervals and group_wait."""
    world = World(config(mention="@oncall"))
    world.every(15, beat("web-1"), first=0, last=600)
    world.want(
        Message("ops", "silent web-1 in prod", "firing", "@oncall"), between=(615, 600 + 45 + 30)
    )
    world.at(1000, beat("web-1"))
    world.every(15, beat("web-1"), first=1015, last=1100)
    world.run(until=1120)
    assert world.post("web-1").state == "resolved"


def test_a_stopped_agent_has_longer() -> None:
    """An agent that people stop may be away for a while before anybody is notified."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(305, beat("web-1", leaving=True))
    world.want(Message("ops", "its agent was stopped"), between=(635, 635))
    world.run(until=2000)
