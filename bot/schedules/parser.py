"""The words of a schedule: `ping prod every 5m quiet` -> a command, its time, its rules. Pure.

The words before the time are the command, those after it are the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from baton.errors import UsageError
from baton.timing.calendar import cron_error, end_of_day, to_utc
from baton.timing.calendar import zone as zone_of
from bot.schedules.recurrence import EVERY_DAY, Cron, Every, Once, Recurrence, Weekly, When
from bot.schedules.rules import Rules
from bot.schedules.scanner import (
    WHEN,
    Scanner,
    names_days,
    parse_clock,
    parse_date,
    take_clocks,
    take_days,
    take_duration,
    take_moment,
    take_zone,
    time_error,
)
from bot.schedules.times import upcoming

MIN_INTERVAL = 10
"""The shortest interval, in seconds."""
_BEGINS = ("every", "each", "at", "on", "in", "cron", "today", "tomorrow", "hourly")


@dataclass(frozen=True, slots=True)
class Timing:
    """When a command is to run, and by which rules."""

    when: When
    rules: Rules

    def words(self, zone: str = "") -> str:
        """Return words that somebody in `zone` can type to get the same."""
        return f"{self.when.words(zone)} {self.rules.words()}".rstrip()


@dataclass(frozen=True, slots=True)
class Parse:
    """One way to parse the words of a schedule."""

    command: tuple[str, ...]
    timing: Timing


def parses(words: Sequence[str], now: datetime, zone: str) -> Iterator[Parse | UsageError]:
    """Yield the ways in which `words` are a command and a time: the longest time first.

    Where a time seems to begin and cannot be parsed, yield the error that says why.
    """
    for at, word in enumerate(words):
        if at and begins_time(word):
            try:
                yield Parse(tuple(words[:at]), parse_timing(words[at:], now, zone))
            except UsageError as error:
                yield UsageError(error.problem, error.usage, WHEN)


def begins_time(word: str) -> bool:
    """Return whether a time may begin with `word`."""
    return word.lower() in _BEGINS or names_days(word)


def parse_timing(words: Sequence[str], now: datetime, zone: str) -> Timing:
    """Parse `every 5m quiet`, typed at `now` by somebody in `zone`. Raises UsageError with
    examples."""
    left = Scanner(words)
    when = _when(left, now, zone)
    rules = _rules(left)
    if rules.until is not None and to_utc(rules.until, zone_of(when.zone)) <= now:
        raise time_error("“until” is in the past.")
    if isinstance(when.recurrence, Once):
        if to_utc(when.recurrence.local, zone_of(when.zone)) <= now:
            raise time_error("This time is in the past.")
        if rules.until is not None or rules.times is not None:
            raise time_error("A schedule that runs once cannot have an end.")
    if rules.jitter and rules.jitter >= _shortest_gap(when, now):
        raise time_error("The jitter must be shorter than the time between two runs.")
    return Timing(when, rules)


def _shortest_gap(when: When, now: datetime) -> float:
    """Return the fewest seconds between two of the next times; infinity if there is only one."""
    some = list(islice(upcoming(when, now, now), 20))
    gaps = [(after - before).total_seconds() for before, after in pairwise(some)]
    return min(gaps, default=float("inf"))


def _when(left: Scanner, now: datetime, own: str) -> When:
    if left.low == "in":
        left.take()
        at = (now + timedelta(seconds=take_duration(left))).replace(microsecond=0)
        return _once_at(at, take_zone(left) or own)
    said = left.low
    recurrence = _recurrence(left)
    if isinstance(recurrence, Once) and left.low in ("today", "tomorrow"):
        said = left.take().lower()
    left.skip("in")
    named = take_zone(left) or own
    if said in ("today", "tomorrow"):
        assert isinstance(recurrence, Once)
        day = now.astimezone(zone_of(named)).date() + timedelta(days=said == "tomorrow")
        recurrence = Once(local=datetime.combine(day, recurrence.local.time()))
    return When(recurrence=recurrence, zone=named)


def _once_at(at: datetime, named: str) -> When:
    local = at.astimezone(zone_of(named)).replace(tzinfo=None, fold=0)
    if to_utc(local, zone_of(named)) == at:
        return When(recurrence=Once(local=local), zone=named)
    # clocks there show that time twice, and this is the second one
    return When(recurrence=Once(local=at.astimezone(UTC).replace(tzinfo=None)), zone="UTC")


def _recurrence(left: Scanner) -> Recurrence:
    word = left.low
    if word in ("every", "each"):
        left.take()
        return _every(left)
    if word == "hourly":
        raise time_error("Instead of “hourly” write every 1h, or cron 0 * * * * for the full hour.")
    if word == "at":
        left.take()
        times = take_clocks(left)
        if left.low in ("today", "tomorrow") and len(times) == 1:
            return Once(local=datetime.combine(date.min, times[0]))
        on = left.low in ("on", "every") and (names_days(left.after) or left.after == "day")
        return Weekly(days=take_days(left) if on and left.take() else EVERY_DAY, times=times)
    if word == "on":
        left.take()
        if names_days(left.next):
            return _on_days(left)
        return Once(local=take_moment(left))
    if word == "cron":
        left.take()
        return _cron(left)
    if word in ("today", "tomorrow"):
        left.take()
        if not left.skip("at"):
            raise time_error(f"At what time {word}?")
        return Once(local=datetime.combine(date.min, parse_clock(left.take())))
    if names_days(left.next):
        return _on_days(left)
    raise time_error(f"“{left.next}” is not a time.")


def _every(left: Scanner) -> Recurrence:
    if left.low in ("day", "week"):
        word = left.take()
        if left.skip("at") and word == "day":
            return Weekly(days=EVERY_DAY, times=take_clocks(left))
        hours = "24h" if word == "day" else "7d"
        day = "every day at 09:00" if word == "day" else "mon at 09:00"
        raise time_error(f"At what time, every {word}? Write {day}, or every {hours} from now on.")
    if names_days(left.next):
        return _on_days(left)
    seconds = take_duration(left, MIN_INTERVAL)
    if left.low == "at":
        raise time_error("An interval has no time of day: specify days, or use cron.")
    return Every(seconds=seconds)


def _on_days(left: Scanner) -> Weekly:
    chosen = take_days(left)
    if not left.skip("at"):
        raise time_error("At what time on these days?")
    return Weekly(days=chosen, times=take_clocks(left))


def _cron(left: Scanner) -> Cron:
    fields = left.take().split()
    while len(fields) < 5 and left.next:
        fields.append(left.take())
    expression = " ".join(fields).upper()
    fault = cron_error(expression)
    if fault:
        raise time_error(f"Invalid cron expression “{expression}”: {fault}.")
    return Cron(expression=expression)


def _rules(left: Scanner) -> Rules:
    found: dict[str, Any] = {}
    while left.next:
        word = left.next
        name, value = _rule(left)
        if name in found:
            raise time_error(f"“{word}” is given twice.")
        found[name] = value
    return Rules(**found)


def _rule(left: Scanner) -> tuple[str, object]:
    typed = left.take()
    word, equals, rest = typed.lower().removeprefix("--").partition("=")
    value = Scanner([rest]) if equals else left
    if word == "quiet" and not equals:
        return "quiet", True
    if word == "overlap":
        return "overlap", _overlap(value)
    if word in ("catch-up", "catchup"):
        off = value.low in ("0", "0s", "off", "none")
        return "catch_up", 0 if off and value.take() else take_duration(value)
    if word == "jitter":
        return "jitter", take_duration(value)
    if word in ("pause-after", "times"):
        return word.replace("-", "_"), _number(value.take(), typed)
    if word == "until":
        if value.after == "at":
            return "until", take_moment(value)
        return "until", end_of_day(parse_date(value.take()))
    if _counts(word) and left.skip("times", "time"):
        return "times", _number(word, typed)
    raise time_error(
        f"Unknown rule “{typed}” after the time. Rules: quiet, overlap skip|queue|allow, "
        "catch-up 1h, jitter 30s, pause-after 3, until 2027-01-05, 10 times."
    )


def _overlap(value: Scanner) -> str:
    word = value.take().lower()
    if word not in ("skip", "queue", "allow"):
        raise time_error(f"Invalid value “{word}” for overlap: use skip, queue or allow.")
    if word == "queue":
        value.skip("one")
    return word


def _counts(text: str) -> bool:
    """Return whether it is a number in digits; `²` is a digit too, and no number."""
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _number(text: str, rule: str) -> int:
    if not _counts(text) or not 1 <= int(text) <= 1_000_000:
        raise time_error(f"{rule}: invalid number “{text}”.")
    return int(text)
