"""Reads an iCalendar file (.ics): each event is a window. What repeats is expanded."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from baton.errors import SettingsError
from baton.text.printable import printable
from bot.dispatch.gates.freezing.windows import Spans, merged, moment

MAX_BYTES = 2_000_000
"""Of a file: one that is larger was not meant."""
MAX_EVENTS = 5_000
"""Events in the years that are looked at."""
BACK, AHEAD = timedelta(days=366), timedelta(days=5 * 366)
"""How far from now events are looked at. A bot that runs on for longer has read the file again."""
_MUST = "an iCalendar file (.ics) with events (VEVENT)"


def read_calendar(file: Path, zone: ZoneInfo, now: datetime) -> Spans:
    """Return the windows of the events in `file`. An event of whole days, and one without a zone,
    is in the freeze's `zone`.

    Raises SettingsError that names the file, the line and what is wrong with it.
    """
    # loaded here: a bot without calendars needs neither
    import icalendar
    import recurring_ical_events

    text = _text(file)
    _check_lines(file, text)
    try:
        calendar = icalendar.Calendar.from_ical(text)
    except Exception as error:  # of many kinds, by what it stumbles over
        raise _fault(file, _line_of(text, str(error)), str(error)) from None
    for part in calendar.walk():
        for name, problem in getattr(part, "errors", ()):
            raise _fault(file, _line_of(text, str(name), problem), f"{name}: {problem}")
    if not calendar.walk("VEVENT"):
        raise _fault(file, 1, "it has no event")
    spans: list[tuple[datetime, datetime]] = []
    try:
        for event in recurring_ical_events.of(calendar).between(now - BACK, now + AHEAD):
            spans.append(_span(event, zone))
            if len(spans) > MAX_EVENTS:
                raise _fault(file, 1, f"it has more than {MAX_EVENTS} events in 6 years")
    except SettingsError:
        raise
    except Exception as error:
        raise _fault(
            file, _line_of(text, str(error)), f"its events cannot be read: {error}"
        ) from None
    return Spans(tuple(merged(span for span in spans if span[0] < span[1])))


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _fault(file, 1, f"it is larger than {MAX_BYTES} bytes")
        data = file.read_bytes()
    except FileNotFoundError:
        raise _fault(file, 0, "there is no such file") from None
    except OSError as error:
        raise _fault(file, 0, f"it cannot be read ({error.strerror})") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _fault(file, line, "it is not UTF-8") from None


def _check_lines(file: Path, text: str) -> None:
    """Raises SettingsError at the first line that is no line of an iCalendar file: the library
    names none."""
    open_parts: list[tuple[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line[0] in " \t":
            continue  # goes on with the line before
        name, colon, value = line.partition(":")
        if not colon or not re.match(r"[A-Za-z0-9-]+(;|$)", name):
            raise _fault(file, number, f"“{printable(line)[:60]}” is no line of a calendar")
        part = value.strip().upper()
        if name.upper() == "BEGIN":
            open_parts.append((part, number))
        elif name.upper() == "END":
            if not open_parts or open_parts[-1][0] != part:
                raise _fault(file, number, f"END:{printable(part)[:40]} ends nothing")
            open_parts.pop()
    if open_parts:
        part, number = open_parts[-1]
        raise _fault(file, number, f"BEGIN:{printable(part)[:40]} is never ended")


def _line_of(text: str, *said: str) -> int:
    """Return the line that an error of the library is about: one that holds a value which it
    cites, or a property that it names; 1 if it cites nothing."""
    cited = [one for words in said for one in re.findall(r"'([^']{3,})'|(\d\w{5,})", words)]
    for wanted in (*(one or other for one, other in cited), *said):
        for number, line in enumerate(text.splitlines(), 1):
            if wanted in line or line.upper().startswith(
                (f"{wanted.upper()}:", f"{wanted.upper()};")
            ):
                return number
    return 1


def _span(event: Any, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin = event["DTSTART"].dt
    stop = event["DTEND"].dt if "DTEND" in event else begin
    if not isinstance(begin, datetime) and stop == begin:
        stop = begin + timedelta(days=1)
    return _moment(begin, zone), _moment(stop, zone, later=True)


def _moment(at: date | datetime, zone: ZoneInfo, *, later: bool = False) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return at.astimezone(UTC) if at.tzinfo else moment(at, zone, later=later)


def _fault(file: Path, line: int, problem: str) -> SettingsError:
    key = f"line {line}" if line else "the file itself"
    return SettingsError(file=file, key=key, problem=printable(problem)[:300], must=_MUST)
