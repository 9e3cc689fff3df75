"""A job and its log as the page of a job reads them: JSON with the lines in spans."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from bot.jobs import Job
from bot.store.output.log_window import MOST_LINES, LineName, LogView, LogWindow, Side
from bot.web.console.errors import Unusable
from bot.web.console.feed.frame import job_json, line_json, run_json
from bot.web.console.feed.moment import RunThen
from bot.web.console.times import time_of

_LINE = re.compile(r"(?P<host>[^\s:@]{1,253})@(?P<attempt>\d{1,9}):(?P<number>\d{1,12})", re.ASCII)
MAX_NAME = 500


def view_of(host: str, step: str, until: str) -> LogView:
    """Return which lines are looked at. Raises Unusable."""
    for field, value in (("host", host), ("step", step)):
        if len(value) > MAX_NAME:
            raise Unusable(field=field, detail=f"The {field} is too long.")
    return LogView(host=host, step=step, until=time_of(until, "until") if until else None)


def beside_of(before: str, after: str, begin: str) -> tuple[Side, LineName | None]:
    """Return on which side of which line to look: at most one is named, as `HOST@ATTEMPT:LINE`.
    Raises Unusable."""
    named = [
        (side, text)
        for side, text in ((Side.BEFORE, before), (Side.AFTER, after), (Side.FROM, begin))
        if text
    ]
    if not named:
        return Side.BEFORE, None
    side, text = named[0]
    found = _LINE.fullmatch(text)
    if len(named) > 1 or found is None or not 0 < int(found["attempt"]) < 2**31:
        raise Unusable(field=side.value, detail="Name one line, as web-1@1:120.")
    return side, LineName(found["host"], int(found["attempt"]), int(found["number"]))


def count_of(text: str) -> int:
    """Return how many lines are wanted. Raises Unusable."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MOST_LINES:
        raise Unusable(field="count", detail=f"The count must be from 1 to {MOST_LINES}.")
    return int(text)


def log_json(window: LogWindow, job: Job, runs: Sequence[RunThen]) -> dict[str, JsonValue]:
    """Return a window as the page reads it, with `job` and its `runs` as they were then."""
    return {
        "revision": window.job.revision,
        "job": job_json(job),
        "runs": [{**run_json(each.run), "lines": each.lines} for each in runs],
        "lines": [line_json(line) for line in window.lines],
        "more": window.more,
    }
