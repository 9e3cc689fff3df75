"""`[[freeze]]` in baton.toml."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from baton.settings import Table
from baton.text.printable import printable
from baton.timing.calendar import UnknownZone, zone
from bot.dispatch.gates.freezing.windows import DAYS, MIDNIGHT
from bot.dispatch.policy import EVERYBODY, ShellPattern, Who

_CLOCK = re.compile(r"(\d{2}):(\d{2})")


def _named(text: str) -> str:
    if not text.strip() or printable(text) != text:
        raise ValueError("a name that people are shown, such as no Friday afternoons")
    return text.strip()


def _zone(text: str) -> str:
    try:
        return zone(text).key
    except UnknownZone:
        raise ValueError("a time zone such as Europe/London, or UTC") from None


def _breaker(text: str) -> str:
    if text == EVERYBODY:
        raise ValueError("user ids and groups: a freeze that everybody may break is none")
    return text


def minutes(text: str) -> int:
    """Return the minutes of the day at `HH:MM`. Raises ValueError."""
    found = _CLOCK.fullmatch(text)
    total = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else MIDNIGHT + 1
    if total > MIDNIGHT:
        raise ValueError("a time such as 13:00, at most 24:00")
    return total


def _wall(value: object) -> datetime | str:
    """Return a time of the day as it is written, or a date and time."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return value
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else _wrong()
    except ValueError:
        return _wrong()


def _wrong() -> NoReturn:
    raise ValueError('a time such as "13:00", or a date and time such as 2026-12-20T00:00:00')


WallTime = Annotated[datetime | str, PlainValidator(_wall)]


class FreezeTable(Table):
    """`[[freeze]]`: in its windows nothing changes in `environments` for `apps`.

    The windows are weekly (`days`, `from` and `to` such as "13:00"), or one from a date and time to
    another, or the events of `calendar`, an iCalendar file (.ics). They are half-open: at `to` the
    freeze has ended. Times are those of `zone`. Only `may_break` may pass it, with `--break-glass
    "reason"`.
    """

    name: Annotated[str, AfterValidator(_named)] = Field(max_length=100)
    environments: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    apps: tuple[ShellPattern, ...] = Field(default=("*",), min_length=1)
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = DAYS  # type: ignore[assignment]
    begin: WallTime | None = Field(default=None, alias="from")
    end: WallTime | None = Field(default=None, alias="to")
    calendar: Path | None = None
    may_break: tuple[Annotated[Who, AfterValidator(_breaker)], ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> FreezeTable:
        if self.calendar is not None:
            if self.begin is not None or self.end is not None or "days" in self.model_fields_set:
                raise ValueError("calendar alone, or from and to")
            return self
        if isinstance(self.begin, datetime) and isinstance(self.end, datetime):
            if "days" in self.model_fields_set:
                raise ValueError("days with times such as 13:00; dates without days")
            if self.begin.tzinfo or self.end.tzinfo:
                raise ValueError("dates without an offset: they are local to zone")
            if self.begin >= self.end:
                raise ValueError("to later than from")
            return self
        begin, end = self.begin or "00:00", self.end or "24:00"
        if isinstance(begin, datetime) or isinstance(end, datetime):
            raise ValueError("from and to of one kind: both times of the day, or both dates")
        if self.begin is None and self.end is None and "days" not in self.model_fields_set:
            raise ValueError("days, or from and to, or a calendar")
        if minutes(begin) == MIDNIGHT or minutes(begin) == minutes(end):
            raise ValueError("from before 24:00, and to another time than from")
        return self
