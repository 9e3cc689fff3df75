"""Flapping: a state that changes too often for a notification each time.

Source: Icinga 2, "Advanced Topics", "Check Flapping", and its lib/icinga/checkable-flapping.cpp. Of
the last 20 results, each that changed the state weighs 0.8 (the oldest) to 1.18 (the newest), and
the flapping value is their sum in percent of 20. Flapping begins above the high threshold and ends
when the value is no longer above the low one. Beyond Icinga, a change older than `window` seconds
does not count, so that a check with rare results does not flap for days.
"""

from __future__ import annotations

RESULTS = 20
_NEWEST = 1 << (RESULTS - 1)
_WEIGHTS = [80 + 2 * place for place in range(RESULTS)]  # in hundredths, so that sums are exact


def record(
    bits: int, changes: tuple[float, ...], changed: bool, at: float
) -> tuple[int, tuple[float, ...]]:
    """Return the history after one more result.

    `bits` has one bit for each of the last results, the newest is the highest bit, set where the
    state changed; `changes` are the times of those changes, newest first.
    """
    if bits & 1:
        changes = changes[:-1]
    bits >>= 1
    return (bits | _NEWEST, (at, *changes)) if changed else (bits, changes)


def aged(
    bits: int, changes: tuple[float, ...], now: float, window: float
) -> tuple[int, tuple[float, ...]]:
    """Return the history without changes that are `window` seconds old or older."""
    while changes and changes[-1] <= now - window:
        bits &= bits - 1  # the lowest bit set is the oldest change
        changes = changes[:-1]
    return bits, changes


def value(bits: int) -> float:
    """Return the flapping value, in percent: from 0 to 99."""
    return sum(weight for place, weight in enumerate(_WEIGHTS) if bits >> place & 1) / RESULTS


def is_flapping(flapping: bool, percent: float, high: float, low: float) -> bool:
    """Whether the check is flapping now, given whether it was before."""
    return percent > (low if flapping else high)
