"""What to write instead of times that people ask for and that are not read as words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from baton.errors import UsageError
from bot.schedules.scanner import clock

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
_MOST = 60
"""Words that are looked at."""


def instead(words: Sequence[str]) -> str:
    """`cron 0 9 * * 1#1` for `ping prod first monday at 9am`: the time that seems to be meant, as
    it can be written. Empty if none is known."""
    low = [word.lower().strip(",") for word in words[:_MOST]]
    hour, minute = _time(low)
    for at, word in enumerate(low):
        rest = low[at + 1 :]
        following = rest[0] if rest else ""
        if word in _NTH and following in _DAYS:
            return f"cron {minute} {hour} * * {_DAYS[following]}{_NTH[word]}"
        if word == "monthly" or (word in _NTH and _of_the_month(rest)):
            return f"cron {minute} {hour} {'L' if word == 'last' else 1} * *"
        if word == "every" and following == "other":
            return _every_other(rest[1:])
        if word == "every" and following in ("month", "weekday", "weekdays"):
            days = "1 * *" if following == "month" else "* * 1-5"
            return f"cron {minute} {hour} {days}"
        if word in ("every", "each") and (found := _within(rest)):
            return found
    return ""


def _of_the_month(rest: Sequence[str]) -> bool:
    said = [word for word in rest[:4] if word not in ("day", "of", "the", "each", "every")]
    return said[:1] == ["month"]


def _every_other(rest: Sequence[str]) -> str:
    unit = rest[0] if rest else ""
    if unit in _DAYS or unit in ("week", "weeks"):
        return "every 2w"
    return {"day": "every 2d", "hour": "every 2h", "minute": "every 2m"}.get(unit, "")


def _within(rest: Sequence[str]) -> str:
    """An interval that holds on some days, or between two hours."""
    step = _STEP.fullmatch("".join(rest[:1])) or _STEP.fullmatch("".join(rest[:2]))
    if rest[:1] == ["hour"]:
        amount, unit = 1, "h"
    elif step is not None:
        amount, unit = int(step[1]), step[2][0]
    else:
        return ""
    days, hours = "*", "*"
    for word in rest:
        if word in ("weekdays", "weekday"):
            days = "1-5"
        elif word in ("weekends", "weekend"):
            days = "0,6"
        elif word in _DAYS:
            days = str(_DAYS[word])
        elif (span := _HOURS.fullmatch(word)) is not None:
            hours = _span(span[1], span[2])
    if (days == hours == "*") or not 0 < amount < (60 if unit == "m" else 24) or not hours:
        return ""
    if unit == "m":
        return f"cron */{amount} {hours} * * {days}"
    every = hours if amount == 1 else f"{hours}/{amount}"
    return f"cron 0 {every} * * {days}"


def _span(first: str, last: str) -> str:
    try:
        begin, end = clock(first), clock(last)
    except UsageError:
        return ""
    return f"{begin.hour}-{end.hour}" if begin < end else ""


def _time(low: Sequence[str]) -> tuple[int, int]:
    """The time of day that is said, or nine o'clock."""
    for before, word in zip(("", *low), low, strict=False):
        if before == "at":
            try:
                found = clock(word)
            except UsageError:
                break
            return found.hour, found.minute
    return 9, 0
