"""Outcomes say how results read: values between a command and whoever shows them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from baton.bus.messages import State


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run report is a job's share on one server, as the ledger has it.

    `seconds` is the time from the request to the last update. `sent` is false if the request never
    left the bot, which says nothing about the server.
    """

    host: str
    state: State
    text: str = ""
    step: str = ""
    percent: int | None = None
    seconds: float | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome says how a job reads: one line, and more if the command adds to each run's own."""

    summary: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer is what the bot answers itself: a line, and a table if there is one."""

    summary: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    document: str = ""
    """A text too long for a message, shown as a file where the front end has files."""


def counted(runs: Sequence[RunReport]) -> Outcome:
    """Return how many are done, and count those that did not succeed by their state.

    `3 of 5 done: 1 failed`; once all are done, `2 of 3 succeeded, 1 failed`, or `3 of 3 failed`.
    """
    done = [run.state for run in runs if run.state.final]
    bad = Counter(state.value for state in done if state is not State.SUCCEEDED)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(bad.items()))
    if not bad or len(done) < len(runs):
        return Outcome(f"{len(done)} of {len(runs)} done" + (f": {counts}" if bad else ""))
    if bad.total() == len(runs) and len(bad) == 1:
        return Outcome(f"{len(runs)} of {counts}")
    return Outcome(f"{len(runs) - bad.total()} of {len(runs)} succeeded, {counts}")


def named(hosts: Sequence[str], most: int = 10) -> str:
    """Return `web-1, web-2 and 3 more`."""
    shown = ", ".join(hosts[:most])
    return f"{shown} and {len(hosts) - most} more" if len(hosts) > most else shown


def brief(seconds: float) -> str:
    """Return `12 ms`, `1.4 s`, and from ten seconds on what `duration` returns."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else duration(seconds)


def duration(seconds: float) -> str:
    """Return `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for unit, size, below, below_size in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // below_size
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def size_of(count: float) -> str:
    """Return so many bytes as `412 B`, `1.4 KB`, `3.0 MB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
