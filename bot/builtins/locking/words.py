"""Parses what people say of a lock: `shop prod until 14:00 because migration`. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from baton.errors import BatonError, UsageError
from baton.text.words import BECAUSE, cited
from baton.timing import durations
from bot.dispatch.gates.freezing.windows import moment
from bot.locks import LONGEST, Scope

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MAX_REASON = 300
"""Characters of a reason."""
SHORTEST = 60.0
"""Seconds that a lock lasts at least."""


@dataclass(frozen=True, slots=True)
class LockWords:
    """What was said: the `scope`, the end (`until`, or `seconds` from when it begins), the reason,
    and whether it is to be taken from somebody else, or given to `give`."""

    scope: Scope
    until: datetime | None = None
    seconds: float | None = None
    reason: str = ""
    steal: bool = False
    give: str = ""

    @property
    def ends(self) -> bool:
        """Whether they said when it is to end."""
        return self.until is not None or self.seconds is not None


def parse_lock(words: Sequence[str], now: datetime, zone: ZoneInfo) -> LockWords:
    """Return what `words` say; times of the day are those of `zone`. Raises UsageError."""
    names: list[str] = []
    hosts: list[str] = []
    until: datetime | None = None
    seconds: float | None = None
    reason = give = ""
    steal = False
    at = 0
    while at < len(words):
        word, low = words[at], words[at].lower()
        at += 1
        if low == BECAUSE:
            reason, at = _reason(words[at:]), len(words)
        elif low == "for":
            seconds, taken = _length(words[at:])
            at += taken
        elif low == "until":
            until, taken = _until(words[at:], now, zone)
            at += taken
        elif low == "--steal":
            steal = True
        elif low in ("--host", "--give") or low.startswith(("--host=", "--give=")):
            option, equals, value = word.partition("=")
            if not equals:
                value, at = (words[at], at + 1) if at < len(words) else ("", at)
            if not value:
                raise UsageError(f"Write a value after {option}.")
            if option.lower() == "--host":
                hosts.append(_name(value))
            else:
                give = value
        elif word.startswith("--"):
            raise UsageError(f"Unknown option {cited(word)}. There are --host, --steal and --give.")
        else:
            names.append(_name(word))
    if until is not None and seconds is not None:
        raise UsageError("Write one end: until a time, or for a length of time.")
    return LockWords(_scope(names, hosts), until, seconds, reason, steal, give)


def parse_scope(words: Sequence[str]) -> Scope:
    """Return the scope that `words` name, such as `shop prod`. Raises UsageError."""
    found = parse_lock(words, datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
    if found.ends or found.reason or found.steal or found.give:
        raise UsageError("Write only what is to be unlocked, such as shop prod.")
    return found.scope


def _scope(names: Sequence[str], hosts: Sequence[str]) -> Scope:
    if not names or len(names) > 2:
        raise UsageError("Write an app and an environment, or an environment alone: shop prod.")
    app = names[0] if len(names) == 2 else None
    return Scope(names[-1], app, frozenset(hosts))


def _name(word: str) -> str:
    if not _NAME.fullmatch(word):
        raise UsageError(f"{cited(word)} is no name of an app, an environment or a server.")
    return word


def _reason(words: Sequence[str]) -> str:
    reason = " ".join(words).strip()
    if not reason:
        raise UsageError("Write the reason after because.")
    if len(reason) > MAX_REASON:
        raise UsageError(f"The reason is too long: {MAX_REASON} characters at most.")
    return reason


def _length(words: Sequence[str]) -> tuple[float, int]:
    """Return the seconds that the first of `words` mean, and how many of them those are."""
    try:
        amounts, taken = durations.leading(words)
        if not amounts:
            raise UsageError("Write a length of time after for, such as 2h.")
        seconds = durations.parse(" ".join(words[:taken]))
    except (ValueError, UsageError) as error:
        raise UsageError(f"Write a length of time after for, such as 2h. {error}") from None
    except BatonError as error:
        raise UsageError(str(error)) from None
    if not SHORTEST <= seconds <= LONGEST.total_seconds():
        raise UsageError(f"A lock lasts from 1 minute to {LONGEST.days} days.")
    return seconds, taken


def _until(words: Sequence[str], now: datetime, zone: ZoneInfo) -> tuple[datetime, int]:
    """Return the moment that the first of `words` mean, and how many of them those are."""
    taken, day = 0, None
    try:
        day = date.fromisoformat(words[0])
        taken += 1
    except (ValueError, IndexError):
        day = None
    if day is not None and taken < len(words) and words[taken].lower() == "at":
        taken += 1
    found = _CLOCK.fullmatch(words[taken]) if taken < len(words) else None
    if found is None:
        raise UsageError("Write a time after until, such as 14:00 or 2026-12-01 14:00.")
    clock = time(int(found[1]), int(found[2]))
    at = moment(datetime.combine(day or now.astimezone(zone).date(), clock), zone)
    if day is None and at <= now:
        tomorrow = now.astimezone(zone).date() + timedelta(days=1)
        at = moment(datetime.combine(tomorrow, clock), zone)
    if at <= now:
        raise UsageError("That time has passed.")
    if at - now > LONGEST:
        raise UsageError(f"A lock lasts {LONGEST.days} days at most.")
    return at, taken + 1
