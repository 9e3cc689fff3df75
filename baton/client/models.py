"""What a console answers, as values. What a newer console adds is kept and not checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from baton.bus.messages import State


class Answered(BaseModel):
    """Something that a console answers."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Ending(StrEnum):
    """How a whole job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Nobody knows what became of it on one server or more: lost or interrupted."""


_FAILED = {State.FAILED, State.REFUSED, State.EXPIRED, State.UNROUTABLE, State.BLOCKED}
_UNKNOWN = {State.LOST, State.INTERRUPTED}


def ending(states: Sequence[str]) -> Ending | None:
    """Return how a job ended whose runs have these states; None while one of them has not ended.

    What failed for certain counts before what is unknown, and that before what was cancelled. A job
    that reached no server has not succeeded.
    """
    known = {state.value for state in State}
    if any(state in known and not State(state).final for state in states):
        return None
    if not states or any(state in _FAILED for state in states):
        return Ending.FAILED
    if any(state in _UNKNOWN or state not in known for state in states):
        return Ending.UNKNOWN
    cancelled = any(state == State.CANCELLED for state in states)
    return Ending.CANCELLED if cancelled else Ending.SUCCEEDED


class GateSaid(Answered):
    """What one gate says of a request: its name, whether it is `open`, `closed`, `waits`, or is
    `unknown`, and why."""

    gate: str
    state: str
    text: str


class PlanSaid(Answered):
    """What a request would meet: every gate. `allowed` is None for what the console answers itself;
    `why` says why it would be refused."""

    text: str
    allowed: bool | None = None
    why: str = ""
    gates: Sequence[GateSaid] = ()

    @property
    def open(self) -> bool:
        """Whether it would start at once."""
        return self.allowed is not False and all(one.state == "open" for one in self.gates)


class LoggedLine(Answered):
    """A line of output: the `line`-th of one attempt on one server."""

    host: str
    line: int
    attempt: int = 1
    text: str = ""
    step: str = ""
    level: str = "info"
    time: datetime | None = None


class Run(Answered):
    """A job's share on one server."""

    host: str
    state: str
    attempt: int = 1
    text: str = ""
    step: str = ""
    percent: float | None = None
    lines: int | None = None

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state not in _OPEN


_OPEN = {state.value for state in State if not state.final}


class Asker(Answered):
    """Somebody, as their chat knows them."""

    id: str = ""
    name: str = ""


class Job(Answered):
    """One command that somebody asked, and how it goes on each server.

    `summary` says how it went in the words of its command. A job in a list has no `runs`; its
    `states` count the servers in each state.
    """

    id: str
    title: str = ""
    command: str = ""
    environment: str = ""
    app: str | None = None
    person: Asker = Asker()
    asked: datetime | None = None
    closed: datetime | None = None
    revision: int = 0
    summary: str = ""
    states: Mapping[str, int] = {}
    runs: tuple[Run, ...] = ()
    hold: Mapping[str, Any] | None = None
    """What it waits for, or waited for, before it starts, and how it goes in waves."""
    waits: str = ""
    """What it waits for now, in words; empty if for nothing."""
    asks: bool = False
    """Whether it goes on only if a person says so."""
    progress: tuple[str, ...] = ()
    """How far it is, if it goes in waves."""

    @property
    def by(self) -> str:
        """The name of the person who asked it."""
        return self.person.name or self.person.id

    @property
    def ending(self) -> Ending | None:
        """How it ended, as far as the last attempt on each server says; None while it has not.

        One that goes in waves has not ended while it watches its last servers, and has failed if it
        was stopped, wherever it succeeded before.
        """
        if self.closed is None and not self.runs:
            return None
        rollout = (self.hold or {}).get("rollout") or {}
        if rollout and (self.hold or {}).get("opened") and not rollout.get("over", True):
            return None
        last = {run.host: run for run in sorted(self.runs, key=lambda run: run.attempt)}
        found = ending([run.state for run in last.values()] or list(self.states))
        good = found in (Ending.SUCCEEDED, Ending.CANCELLED)
        return Ending.FAILED if good and rollout.get("stopped") else found

    @property
    def ok(self) -> bool:
        """Whether it succeeded on every server."""
        return self.ending is Ending.SUCCEEDED


class Frame(Answered):
    """What is new of a job at one moment: the runs that changed, the lines that were added."""

    revision: int = 0
    job: Job | None = None
    runs: tuple[Run, ...] = ()
    lines: tuple[LoggedLine, ...] = ()


class AnswerTable(Answered):
    """What the bot answered itself: a sentence, and a table or a text if there is one."""

    summary: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    document: str = ""


class AskResult(Answered):
    """What was answered at once: `job` is the job that was started, or that it is about."""

    ok: bool = True
    kind: str = "done"
    text: str = ""
    answer: AnswerTable | None = None
    job: str = ""
    url: str = ""

    @property
    def started(self) -> bool:
        """Whether it started a job."""
        return self.kind == "started" and bool(self.job)


class CommandField(Answered):
    """A field of a command."""

    name: str
    label: str = ""
    help: str = ""
    required: bool = False
    positional: bool = False
    flag: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


class CommandHelp(Answered):
    """A command that can be asked."""

    name: str
    summary: str = ""
    help: str = ""
    fields: tuple[CommandField, ...] = ()


class JobPage(Answered):
    """Jobs, newest first. `next` is the `before` of the page that follows."""

    jobs: tuple[Job, ...] = ()
    next: str | None = None
