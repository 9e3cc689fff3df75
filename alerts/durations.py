"""Lengths of time as people write them: `90s`, `5m`, `1h30m`, `2d`."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?) ?(min|[smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern} ?)+")
LONGEST = 10 * 366 * 86400.0
"""The longest that is taken, in seconds: what is longer was not meant."""


def parse(text: str) -> float:
    """The seconds that `text` means. Raises ValueError that says what it must be."""
    written = text.strip().lower()
    if not _WHOLE.fullmatch(written):
        raise ValueError(f"a length of time such as 30s, 5m or 1h30m (not “{text}”)")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(written))
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"a length of time of at most 10 years (not “{text}”)")
    return seconds
