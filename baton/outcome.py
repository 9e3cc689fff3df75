"""How what happened reads: values between a command and whoever shows it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from baton.messages import State


@dataclass(frozen=True, slots=True)
class RunReport:
    """A job's share on one server, as the ledger has it. `seconds`: from asking to the last
    word."""

    host: str
    state: State
    text: str = ""
    step: str = ""
    percent: int | None = None
    seconds: float | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job reads: one line, and more lines where the command has more to say than each run's
    own."""

    summary: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bot answers by itself: a line, and a table where there is one."""

    summary: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    document: str = ""
    """A text too long for a message, shown as a file where the front end has files."""


def counted(runs: Sequence[RunReport]) -> Outcome:
    """`3 of 5 done`, then who did not succeed and how it went for them."""
    done = sum(run.state.final for run in runs)
    summary = f"{done} of {len(runs)} done"
    bad = Counter(
        run.state.value for run in runs if run.state.final and run.state is not State.SUCCEEDED
    )
    if bad:
        summary += ": " + ", ".join(f"{count} {state}" for state, count in sorted(bad.items()))
    return Outcome(summary)


def named(hosts: Sequence[str], most: int = 10) -> str:
    """`web-1, web-2 and 3 more`."""
    shown = ", ".join(hosts[:most])
    return f"{shown} and {len(hosts) - most} more" if len(hosts) > most else shown


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
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
