"""Durations are lengths of time as people write them: `90s`, `1h30m`, `90 minutes`, `500ms`, `1y`.

This is the one parser for settings and for chat. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from baton.errors import BatonError

_NAMES = {
    "ms": ("ms", "msec", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
    "mo": ("mo", "month", "months"),
    "y": ("y", "yr", "yrs", "year", "years"),
}
UNITS = {name: unit for unit, names in _NAMES.items() for name in names}
"""How units are written, and which they are."""
SIZES = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 365 * 86_400}
"""Seconds of a unit; those of a month are not known. A year has 365 days, as in Prometheus."""
LONGEST = 10 * 366 * 86400.0
"""The longest that is taken, in seconds: what is longer was not meant."""
_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([a-z]*)")
_MOST_WORDS = 24

Amount = tuple[float, str]
"""So many of a unit, which is a key of `SIZES` or `mo`."""


class UnknownUnit(BatonError):
    """Unknown unit “{unit}”. Units: ms, s, m, h, d, w, y."""


class NoUnit(BatonError):
    """{amount} has no unit: write {amount}m or {amount}h."""


def parse(text: str) -> float:
    """Return the seconds that `text` means. Raises ValueError that says what it must be."""
    words = text.split()
    shown = text if len(text) <= 60 else text[:59] + "…"
    must = "a length of time such as 30s, 5m or 1h30m"
    try:
        amounts, taken = leading(words)
    except BatonError as error:
        raise ValueError(f"{must} (not “{shown}”: {error}".rstrip(".") + ")") from None
    if not amounts or taken < len(words):
        raise ValueError(f"{must} (not “{shown}”)")
    if any(unit not in SIZES for _, unit in amounts):
        raise ValueError(f"{must} (not “{shown}”: months differ in length)")
    seconds = seconds_of(amounts)
    if seconds > LONGEST:
        raise ValueError(f"a length of time of at most 10 years (not “{shown}”)")
    return seconds


def seconds_of(amounts: Sequence[Amount]) -> float:
    """Return all of them together, in seconds. Raises KeyError if one is of months."""
    return round(sum(amount * SIZES[unit] for amount, unit in amounts), 3)


def leading(words: Sequence[str]) -> tuple[list[Amount], int]:
    """Return the amounts with which `words` begin, and how many of the words they are.

    They are none and 0 if the words begin with something else. Raises UnknownUnit and NoUnit for
    what begins as an amount and is none.
    """
    low = [word.lower() for word in words[:_MOST_WORDS]]
    amounts, at = _one(low)
    while at < len(low):
        linked = at + (bool(amounts) and low[at] == "and")
        found, end = _several(low, linked, alone=not amounts)
        if not found:
            break
        amounts += found
        at = end
    return amounts, at


def _one(low: Sequence[str]) -> tuple[list[Amount], int]:
    """`an hour`, or `hour` alone."""
    article = low[:1] in (["a"], ["an"])
    name = "".join(low[article : article + 1])
    if name in UNITS and (article or len(name) > 2 or name in ("mo", "yr")):
        return [(1.0, UNITS[name])], article + 1
    return [], 0


def _several(low: Sequence[str], at: int, *, alone: bool) -> tuple[list[Amount], int]:
    """The amounts in the word at `at`, and in the one after it if that is the last one's unit."""
    word = low[at].rstrip(",") if at < len(low) else ""
    # not by one expression for the whole word: it could be taken apart in 2^n ways
    pieces = _AMOUNT.findall(word)
    if not pieces or "".join(amount + name for amount, name in pieces) != word:
        return [], at
    end = at + 1
    if not pieces[-1][1]:
        after = low[end].rstrip(",") if end < len(low) else ""
        if after in UNITS:
            pieces[-1] = (pieces[-1][0], after)
            end += 1
        elif alone or len(pieces) > 1:
            raise NoUnit(amount=pieces[-1][0])
        else:
            return [], at  # it is about something else: `10 times`
    for amount, name in pieces:
        if not name:
            raise NoUnit(amount=amount)
        if name not in UNITS:
            raise UnknownUnit(unit=name)
    return [(float(amount), UNITS[name]) for amount, name in pieces], end
