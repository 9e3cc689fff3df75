"""Pauses between tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis.strategies import floats, integers

from baton.timing.backoff import delay, jittered


def test_a_pause_doubles_with_each_failure_up_to_the_longest() -> None:
    """The first failure is followed by the first pause."""
    assert [delay(failures, 0.5, 3.0) for failures in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@given(integers(max_value=10**12), floats(0.001, 10), floats(10, 1000))
def test_a_pause_is_bounded(failures: int, first: float, longest: float) -> None:
    """However often it failed, and if it did not."""
    assert first <= delay(failures, first, longest) <= longest


def test_jitter_is_around_the_pause() -> None:
    """By chance longer or shorter, by a quarter at most."""
    found = {jittered(8.0) for _ in range(100)}
    assert len(found) > 1
    assert all(6.0 <= seconds <= 10.0 for seconds in found)
