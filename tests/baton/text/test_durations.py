"""Lengths of time, as people write them."""

from __future__ import annotations

import pytest

from baton.timing import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1.5 h", 5400),
        ("0s", 0),
        ("2 hours", 7200),
        ("90 minutes", 5400),
        ("1 day", 86400),
        ("an hour", 3600),
        ("1 hour and 30 minutes", 5400),
        ("1 h, 5 min", 3900),
        ("500ms", 0.5),
        ("1y", 365 * 86400),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.parse(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "-5m", "5 parsecs", "99999w", "1h-2m", "²m", "1h30", "2 months", "5m x"]
)
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="a length of time"):
        durations.parse(text)
