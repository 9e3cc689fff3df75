"""Parses the small parts of a time: durations, times of day, weekdays, dates, zones. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time

from baton.errors import BatonError, UsageError
from baton.text.words import nearest
from baton.timing import durations
from baton.timing.calendar import canonical, zones
from bot.schedules.recurrence import DAYS, EVERY_DAY, WEEKDAYS, WEEKENDS

EXAMPLES = (
    "every 5m, every 2 hours, at 09:00, weekdays at 9am, mon,thu at 18:30, "
    "on 2027-01-05 at 07:00, cron 0 9 * * 1-5, in 20m"
)

_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {"tues": 1, "thur": 3, "thurs": 3, "weds": 2}
_DAY = {
    **{name: at for at, name in enumerate(DAYS)},
    **{name: at for at, name in enumerate(_LONG)},
    **{f"{name}s": at for at, name in enumerate(_LONG)},
    **_SHORT,
}
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?(am|pm)?")
_ABBREVIATION = re.compile(r"[A-Z]{2,5}")
_NO_ZONES = ("quiet", "until", "times")
"""Rules that look like a time zone when they are typed in capitals."""
_OFFSET = re.compile(r"(?:utc|gmt)?[+\u2212-]\d{1,2}(?::?\d{2})?")
MAX_DURATION = 366 * 86_400


WHEN = "when"
"""The field of an error about a time."""


def time_error(problem: str) -> UsageError:
    """Return the error for `problem`, with examples of times."""
    return UsageError(problem, f"Examples: {EXAMPLES}.", WHEN)


class Scanner:
    """Words, which are taken one by one from the front."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._at = 0

    @property
    def next(self) -> str:
        """The next word as it was typed; empty at the end."""
        return self._words[self._at] if self._at < len(self._words) else ""

    @property
    def low(self) -> str:
        """The next word in lower case."""
        return self.next.lower()

    @property
    def after(self) -> str:
        """The word after the next one, in lower case."""
        return self._words[self._at + 1].lower() if self._at + 1 < len(self._words) else ""

    @property
    def left(self) -> Sequence[str]:
        """The words that are not taken yet."""
        return self._words[self._at :]

    def pass_over(self, count: int) -> None:
        """Skip so many words."""
        self._at += count

    def take(self) -> str:
        """Take the next word, and return it."""
        word = self.next
        self._at += 1
        return word

    def skip(self, *words: str) -> bool:
        """Skip the next word if it is one of `words`; return whether it was."""
        if self.low not in words:
            return False
        self._at += 1
        return True

    def listed(self) -> list[str]:
        """Take `a,b`, `a, b` or `a and b`; return the parts, in lower case."""
        parts: list[str] = []
        while self.next:
            word = self.take().lower()
            parts += [part for part in word.split(",") if part]
            if self.skip("and", "&") or word.endswith(",") or self.next.startswith(","):
                continue
            break
        return parts


def take_duration(words: Scanner, least: int = 1) -> int:
    """Take `5m`, `5 min`, `1h30m`, `an hour`; return seconds. Raises UsageError."""
    begun = words.next
    try:
        amounts, taken = durations.leading(words.left)
    except BatonError as error:
        raise time_error(str(error)) from None
    words.pass_over(taken)
    if any(unit in ("mo", "y") for _, unit in amounts):
        raise time_error("Months and years differ in length: use cron, such as cron 0 9 1 * *.")
    seconds = durations.seconds_of(amounts)
    if not seconds:
        raise time_error(f"“{begun}” is not a duration." if begun else "Missing duration, e.g. 5m.")
    if seconds < least:
        raise time_error(f"{seconds:g} s is too short: the minimum is {least} s.")
    if seconds > MAX_DURATION:
        raise time_error("The maximum is 366 days.")
    if seconds != int(seconds):
        raise time_error(f"{seconds:g} s is not a whole number of seconds.")
    return int(seconds)


def parse_clock(text: str, *, seconds: bool = False) -> time:
    """Parse `09:00`, `9:30`, `9am`, `6:30pm`, `noon`, `midnight`. Raises UsageError, also if it
    could be morning or evening."""
    low = text.lower()
    if low in ("noon", "midnight"):
        return time(12) if low == "noon" else time(0)
    match = _CLOCK.fullmatch(low)
    if match is None:
        raise time_error(f"“{text}” is not a time of day.")
    hour, minute, second, half = int(match[1]), int(match[2] or 0), int(match[3] or 0), match[4]
    if match[3] and (half or not seconds):
        raise time_error(f"“{text}”: a time of day has no seconds.")
    if half is None and match[2] is None:
        raise time_error(f"“{text}” is ambiguous: write {hour:02}:00 or {text}pm.")
    if half is not None:
        if hour == 12 and minute == 0:
            raise time_error(f"“{text}” is ambiguous: write noon or midnight.")
        if not 1 <= hour <= 12:
            raise time_error(f"“{text}” is not a time of day.")
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise time_error(f"“{text}” is not a time of day.")
    return time(hour, minute, second)


def take_clocks(words: Scanner) -> tuple[time, ...]:
    """Take one time of day or several; return them in order. Raises UsageError."""
    joined = words.listed()
    if joined and words.low in ("am", "pm"):
        joined[-1] += words.take().lower()
    if not joined:
        raise time_error("At what time?")
    return tuple(sorted({parse_clock(text) for text in joined}))


def names_days(word: str) -> bool:
    """Return whether `word` begins a list of weekdays."""
    first = re.split(r"[,\-–]", word.lower())[0]
    return first in _DAY or word.lower() in ("weekdays", "weekends", "daily", "weekday", "weekend")


def take_days(words: Scanner) -> tuple[int, ...]:
    """Take `mon,thu`, `mon-fri`, `weekdays`, `daily`; return weekdays, Monday is 0. Raises
    UsageError."""
    found: set[int] = set()
    for part in words.listed():
        first, dash, last = part.replace("–", "-").partition("-")
        if part in ("weekday", "weekdays"):
            found |= set(WEEKDAYS)
        elif part in ("weekend", "weekends"):
            found |= set(WEEKENDS)
        elif part in ("daily", "day"):
            found |= set(EVERY_DAY)
        elif dash and first in _DAY and last in _DAY:
            begin, length = _DAY[first], (_DAY[last] - _DAY[first]) % 7
            found |= {(begin + step) % 7 for step in range(length + 1)}
        elif not dash and part in _DAY:
            found.add(_DAY[part])
        else:
            near = nearest(part, _DAY)
            hint = f" Did you mean {near}?" if near else ""
            raise time_error(f"“{part}” is not a day of the week.{hint}")
    return tuple(sorted(found))


def parse_date(text: str) -> date:
    """`2027-01-05`. Raises UsageError: other orders are read in two ways."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        raise time_error(f"The date {text} does not exist.") from None
    raise time_error(f"Invalid date “{text}”: write year, month and day, e.g. 2027-01-05.")


def take_moment(words: Scanner) -> datetime:
    """`2027-01-05 at 07:00`. Raises UsageError."""
    day = parse_date(words.take())
    if not words.skip("at"):
        raise time_error(f"At what time on {day}?")
    parts = words.listed()
    if len(parts) != 1:
        raise time_error(f"Only one time is possible on {day}.")
    return datetime.combine(day, parse_clock(parts[0], seconds=True))


def take_zone(words: Scanner) -> str | None:
    """The time zone that comes next, if one does. Raises UsageError for a name that is none, or
    several."""
    text = words.next
    if text.upper() in ("UTC", "GMT", "Z"):
        words.take()
        return "UTC" if text.upper() == "Z" else text.upper()
    if _OFFSET.fullmatch(text.lower()):
        raise time_error(
            f"“{text}” is not supported as a time zone, because of daylight saving: use a place, "
            "e.g. Europe/Berlin, or UTC."
        )
    if "/" in text:
        known = zones().get(text.lower())
        if known is None:
            near = nearest(text, zones())
            hint = f" Did you mean {zones()[near]}?" if near else ""
            raise time_error(f"Unknown time zone {text}.{hint}")
        words.take()
        return canonical(known)
    if _ABBREVIATION.fullmatch(text) and words.low not in _NO_ZONES:
        raise time_error(
            f"“{text}” can mean several time zones, or none: use a place, e.g. Europe/Kyiv, or UTC."
        )
    return _place(words)


def _place(words: Scanner) -> str | None:
    """`Japan`, `Berlin`, `new york`: a zone by the name of its place alone."""
    if len(words.low) > 3 and words.low in zones():
        return canonical(words.take())
    for count in (2, 1):
        name = "_".join(words.left[:count]).lower()
        found = {canonical(one) for one in zones() if len(name) > 3 and one.endswith(f"/{name}")}
        if len(found) > 1:
            raise time_error(
                f"“{words.next}” matches several time zones: {', '.join(sorted(found))}."
            )
        if found:
            words.pass_over(count)
            return found.pop()
    return None
