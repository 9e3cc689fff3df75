"""Suggests how to write a time that people use and that cannot be parsed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from baton.errors import UsageError
from bot.schedules.scanner import parse_clock

_DAYS = {
    **dict.fromkeys(("sun", "sunday"), 0),
    **dict.fromkeys(("mon", "monday"), 1),
    **dict.fromkeys(("tue", "tues", "tuesday"), 2),
    **dict.fromkeys(("wed", "weds", "wednesday"), 3),
    **dict.fromkeys(("thu", "thur", "thurs", "thursday"), 4),
    **dict.fromkeys(("fri", "friday"), 5),
    **dict.fromkeys(("sat", "saturday"), 6),
}
_NTH = {
    **dict.fromkeys(("first", "1st"), "#1"),
    **dict.fromkeys(("second", "2nd"), "#2"),
    **dict.fromkeys(("third", "3rd"), "#3"),
    **dict.fromkeys(("fourth", "4th"), "#4"),
    "last": "L",
}
_HOURS = re.compile(r"(\d{1,2}(?::\d\d)?(?:am|pm)?)[-–](\d{1,2}(?::\d\d)?(?:am|pm)?)")
_STEP = re.compile(r"(\d{1,3})(m|min|mins|minutes|h|hr|hours)")
_ORDINAL = re.compile(r"([1-9]\d?)(st|nd|rd|th)")
_EXCEPT = frozenset(("except", "excluding", "but", "not", "without", "unless"))
"""Words that reverse the meaning of those after them."""
_MAX_WORDS = 60
"""Words that are considered at most."""


def suggest_time(words: Sequence[str]) -> str:
    """Return how to write the time that seems to be meant: `cron 0 9 * * 1#1` for `ping prod first
    monday at 9am`. Empty if none is known, or if it would mean something else."""
    low = [word.lower().strip(",") for word in words[:_MAX_WORDS]]
    time = _time(low)
    if time is None or not _EXCEPT.isdisjoint(low):
        return ""
    hour, minute = time
    for at, word in enumerate(low):
        rest = low[at + 1 :]
        following = rest[0] if rest else ""
        if word in _NTH and following in _DAYS:
            return f"cron {minute} {hour} * * {_DAYS[following]}{_NTH[word]}"
        if (day := _day(word)) and _of_the_month(rest):
            return f"cron {minute} {hour} {day} * *"
        if word == "every" and following == "other":
            return _every_other(rest[1:])
        if word == "monthly" or (word == "every" and following == "month"):
            days = [found for each in rest if (found := _day(each))]
            return f"cron {minute} {hour} {days[0] if days else 1} * *" if len(days) < 2 else ""
        if word == "every" and following in ("weekday", "weekdays"):
            return f"cron {minute} {hour} * * 1-5"
        if word in ("every", "each") and (found := _within(rest)):
            return found
    return ""


def _day(word: str) -> str:
    """Return the day of the month that `word` names, as cron writes it; empty if it names none."""
    if word == "last":
        return "L"
    found = _ORDINAL.fullmatch(word)
    number = found[1] if found else _NTH.get(word, "")[1:]
    return number if number and int(number) <= 31 else ""


def _of_the_month(rest: Sequence[str]) -> bool:
    said = [word for word in rest[:4] if word not in ("day", "of", "the", "each", "every")]
    return said[:1] == ["month"]


def _every_other(rest: Sequence[str]) -> str:
    unit = rest[0] if rest else ""
    if unit in _DAYS or unit in ("week", "weeks"):
        return "every 2w"
    return {"day": "every 2d", "hour": "every 2h", "minute": "every 2m"}.get(unit, "")


def _within(rest: Sequence[str]) -> str:
    """Return an interval on some days, or between two hours, as cron writes it; empty if none."""
    step = _STEP.fullmatch("".join(rest[:1])) or _STEP.fullmatch("".join(rest[:2]))
    if rest[:1] == ["hour"]:
        amount, unit = 1, "h"
    elif step is not None:
        amount, unit = int(step[1]), step[2][0]
    else:
        return ""
    days: list[str] = []
    hours = "*"
    for word in rest:
        if word in ("weekdays", "weekday"):
            days.append("1-5")
        elif word in ("weekends", "weekend"):
            days.append("0,6")
        elif word in _DAYS:
            days.append(str(_DAYS[word]))
        elif (span := _HOURS.fullmatch(word)) is not None:
            hours = _span(span[1], span[2])
    whole = 60 if unit == "m" else 24  # cron begins anew with each, so it must be a part of it
    if (not days and hours == "*") or not 0 < amount < whole or whole % amount or not hours:
        return ""
    on = ",".join(dict.fromkeys(days)) or "*"
    if unit == "m":
        return f"cron */{amount} {hours} * * {on}"
    every = hours if amount == 1 else f"{hours}/{amount}"
    return f"cron 0 {every} * * {on}"


def _span(first: str, last: str) -> str:
    try:
        begin, end = parse_clock(first), parse_clock(last)
    except UsageError:
        return ""
    return f"{begin.hour}-{end.hour}" if begin < end else ""


def _time(low: Sequence[str]) -> tuple[int, int] | None:
    """Return the time of day among these words, or nine o'clock; None if it cannot be parsed, or if
    there are several."""
    found = []
    for before, word in zip(("", *low), low, strict=False):
        if before == "at" or ":" in word or word.endswith(("am", "pm")):
            try:
                found.append(parse_clock(word))
            except UsageError:
                if before == "at":
                    return None
    if len(found) > 1:
        return None
    return (found[0].hour, found[0].minute) if found else (9, 0)
