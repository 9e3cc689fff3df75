"""Jobs and runs: what the ledger holds, and how it may change. Pure.

A job is one request of a person; a run is its share on one server. A run moves only forward, and
ends once: the first final state stays. A different one that is received later is recorded as
`late`, so that the post can show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from baton.bus.exchanges import WEEK, queue_of
from baton.bus.messages import (
    ENDS_WITHIN,
    NEXT_LOOK,
    WORKER,
    Message,
    Person,
    Pong,
    Request,
    State,
    Update,
)
from baton.outcome import RunReport
from baton.text.printable import without_escapes

GRACE = 15.0
"""Seconds past a deadline before the ledger closes a run: what was reported in time may still be
on its way."""

CONSOLE = "console"
"""The front of what is asked on the pages of the console, or over its API. It has no posts: a page
is drawn when it is read."""

SHORT_ID = 6
"""Characters of an id that people are shown. Commands accept an id by its first four or more."""

URGENCY = (
    State.FAILED,
    State.LOST,
    State.INTERRUPTED,
    State.UNROUTABLE,
    State.REFUSED,
    State.EXPIRED,
    State.BLOCKED,
    State.CANCELLED,
    State.RUNNING,
    State.ACCEPTED,
    State.SENT,
    State.QUEUED,
    State.SUCCEEDED,
)
"""The states in the order in which they need attention."""

_ORDER = {State.QUEUED: 0, State.SENT: 1, State.ACCEPTED: 2, State.RUNNING: 3}


def short_id(id: str) -> str:
    """Return the beginning of the id of a job or a schedule, as people are shown it."""
    return id[:SHORT_ID]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job is shown: a channel of a front end, and the thread of the request, if any."""

    front: str
    channel: str
    thread: str = ""
    name: str = ""

    @property
    def directory(self) -> str:
        """The front end whose directory knows the people here. In the console they are those of the
        chat where they signed in, which its channel names."""
        return self.channel if self.front == CONSOLE else self.front


def console_place(directory: str) -> Place:
    """Return the place of what people of the front end `directory` ask in the console."""
    return Place(CONSOLE, directory, name=CONSOLE)


@dataclass(frozen=True, slots=True)
class Subject:
    """What posts are about, such as a job. `since`, in Unix seconds, is when it began: none of its
    posts is older. `asker` is notified if it cannot be shown; empty if nobody requested it."""

    id: str
    place: Place
    since: float
    asker: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a person. `key` is the front end's own id of the request: the same key twice
    is the same request."""

    id: str
    key: str
    command: str
    arguments: Mapping[str, JsonValue]
    title: str
    environment: str
    app: str | None
    asked_by: Person
    place: Place
    asked: datetime
    closed: datetime | None = None
    cancelled_by: Person | None = None
    reported: bool = False
    """Whether every post about it shows how it ended."""
    revision: int = 0
    """Counts the changes of it and its runs, so that `reported` is set only for what was shown."""
    under: str = ""
    """The job under whose post it is shown, if it has none of its own in the channel."""
    hidden: bool = False
    """Nothing of it is shown, or not yet."""

    @property
    def subject(self) -> Subject:
        """What its posts are about."""
        return Subject(self.id, self.place, self.asked.timestamp(), self.asked_by.id)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A job's share on one server, as the ledger has it.

    `deadline`: by when it must be sent, and from then on by when its server must have accepted it.
    `timeout`: seconds that it may run after that.
    `sequence`: the last update that was applied. `late`: a different end, received after the first.
    """

    job: str
    host: str
    request: str
    attempt: int
    deadline: datetime
    timeout: float
    state: State = State.QUEUED
    text: str = ""
    step: str = ""
    percent: int | None = None
    sequence: int = 0
    sent: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    late: State | None = None
    retries: int | None = None
    """Of a work queue: how often it is started again if its worker dies. None for a server."""
    retried: bool = False
    """Whether a later attempt took its place."""

    @property
    def queue(self) -> str:
        """The work queue whose job it is; empty if it is a server's."""
        return "" if self.retries is None else queue_of(self.host)

    @property
    def worker(self) -> str:
        """The worker that took it from its work queue; empty if none has."""
        found = self.facts.get(WORKER) if self.queue else None
        return found if isinstance(found, str) else ""

    @property
    def parked(self) -> bool:
        """Whether it waits for something: any worker of its queue may look at it next."""
        return bool(self.queue) and NEXT_LOOK in self.facts

    @property
    def unsent(self) -> bool:
        """Whether its time was over before the request left the bot: this says nothing about the
        server."""
        never_left = self.sent is None and self.started is None and not self.sequence
        return self.state is State.EXPIRED and never_left

    def report(self) -> RunReport:
        """Return the run as a command's `outcome` reads it."""
        seconds = None
        if self.sent and self.finished:
            seconds = (self.finished - self.sent).total_seconds()
        return RunReport(
            self.host,
            self.state,
            self.text,
            self.step,
            self.percent,
            seconds,
            self.facts,
            sent=not self.unsent,
        )


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message in the outbox. `host` is empty for a broadcast; past `deadline` it is not sent.
    Its `id` is its own in the outbox: attempts of one request have one each."""

    id: str
    job: str
    host: str
    exchange: str
    key: str
    message: Message
    mandatory: bool
    deadline: datetime
    tried: bool = False
    """Whether it may have been sent."""

    @property
    def once(self) -> bool:
        """Whether it is for a work queue: of two copies each might be started, by two workers."""
        return isinstance(self.message, Request) and bool(queue_of(self.key))

    def accept_by(self, at: datetime) -> datetime:
        """Return by when a server must accept it if it is sent at `at`: its command's own time
        counts from then, however long it waited here."""
        if not isinstance(self.message, Request):
            return self.deadline
        return at + (self.message.deadline - self.message.time)

    def stamped(self, at: datetime) -> Message:
        """Return the message as it is sent at `at`."""
        if not isinstance(self.message, Request):
            return self.message
        return self.message.model_copy(update={"time": at, "deadline": self.accept_by(at)})


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a request writes in one transaction: the job, its runs, and the messages to be sent."""

    job: Job
    runs: tuple[RunRecord, ...]
    outbox: tuple[OutboxMessage, ...]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The runs of a job after somebody cancelled it, and who had cancelled it before, if
    anybody."""

    runs: tuple[RunRecord, ...]
    before: Person | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A request, allowed or refused, for the audit log."""

    time: datetime
    person: Person
    place: Place
    words: str
    verdict: str
    """`allowed`, `refused`, `undecided` (rights could not be checked), `answered`, `unusable`, or
    `limited` (too many requests)."""
    reason: str = ""
    job: str = ""
    environment: str = ""
    key: str = ""
    """The front end's own id of the request, as in bot.dispatch.context.Invocation."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a run's output. `hidden` counts the lines before `text`."""

    host: str
    attempt: int
    text: str
    hidden: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What a message changes: the run as it is now, and the output to store, if any. The output
    keeps its colours; the texts of the run have none."""

    run: RunRecord
    output: str = ""
    level: str = "info"
    step: str = ""


def apply(run: RunRecord, message: Update | Pong, at: datetime) -> Applied | None:
    """Return what `message`, received at `at`, changes in `run`; None if it changes nothing.

    A run that has ended keeps its state; a different end that is received later becomes `late`. An
    update whose sequence is not past the last one applied was received before.
    """
    if isinstance(message, Pong):
        return _apply_pong(run, message, at)
    if message.sequence <= run.sequence:
        return None
    run = replace(run, sequence=message.sequence)
    output = message.text
    if run.state.final:
        if message.state.final and message.state is not run.state:
            run = replace(run, late=message.state)
        return Applied(run, output, message.level, message.step)
    run = replace(
        run,
        state=_advance(run.state, message.state),
        started=run.started or at,
        percent=message.percent if message.percent is not None else run.percent,
        step=without_escapes(message.step) or run.step,
        text=without_escapes(message.text) if message.level != "log" else run.text,
        facts={**run.facts, **message.facts},
        finished=at if message.state.final else None,
    )
    if run.queue:
        run = _looked_at(run, message)
    return Applied(run, output, message.level, message.step)


def _apply_pong(run: RunRecord, pong: Pong, at: datetime) -> Applied | None:
    facts = pong.facts.model_dump(mode="json")
    if not run.state.final:
        ended = replace(
            run, state=State.SUCCEEDED, started=at, finished=at, facts=facts, percent=100
        )
        return Applied(ended)
    if run.state is State.SUCCEEDED or run.late is State.SUCCEEDED:
        return None
    return Applied(replace(run, late=State.SUCCEEDED, facts=facts))


def _looked_at(run: RunRecord, message: Update) -> RunRecord:
    """Return `run`, of a work queue: it waits for something only while its worker says so."""
    if NEXT_LOOK in message.facts and not run.state.final:
        return run
    return replace(run, facts={key: run.facts[key] for key in run.facts if key != NEXT_LOOK})


def _advance(old: State, new: State) -> State:
    if new.final:
        return new
    return new if _ORDER.get(new, 0) >= _ORDER[old] else old


def close(run: RunRecord, state: State, text: str, at: datetime) -> RunRecord:
    """Return `run` ended by the ledger itself, not by its agent; a run that has ended already stays
    as it is."""
    if run.state.final:
        return run
    return replace(run, state=state, text=text, finished=at)


def ends_at(run: RunRecord) -> datetime | None:
    """Return when the ledger closes `run` if nothing more is received; None once it has ended."""
    if run.state.final:
        return None
    if run.state in (State.QUEUED, State.SENT):
        return run.deadline + timedelta(seconds=GRACE)
    return (run.started or run.deadline) + timedelta(seconds=_time_limit(run) + GRACE)


def _time_limit(run: RunRecord) -> float:
    """Return the seconds that `run` may take: the limit that its agent reports, else the requested
    one."""
    said = run.facts.get(ENDS_WITHIN)
    if isinstance(said, int | float) and 0 < said <= WEEK:
        return float(said)
    return run.timeout


def close_if_overdue(run: RunRecord, now: datetime, seeing_since: datetime | None) -> RunRecord:
    """Return `run` as it is at `now`: closed as `expired` or `lost` if its time is over.

    `seeing_since` is when our own link to RabbitMQ came up, None while it is lost. What was
    reported while it was lost is received only after that, so no run is closed within GRACE
    seconds of it.
    """
    end = ends_at(run)
    if end is None or seeing_since is None or now < end:
        return run
    if now < seeing_since + timedelta(seconds=GRACE):
        return run
    if run.state is State.QUEUED:
        return close(run, State.EXPIRED, "not sent before its deadline", now)
    if run.state is State.SENT:
        text = "no worker took it in time" if run.queue else "the agent did not accept it in time"
        if run.sent is not None and run.sent < seeing_since:
            # its time ran while we were blind, and it may be RabbitMQ that did not hand it out
            text += f"; this bot had no link to RabbitMQ until {seeing_since:%H:%M:%S} UTC"
        return close(run, State.EXPIRED, text, now)
    by = run.worker or ("a worker" if run.queue else "the agent")
    return close(run, State.LOST, f"{by} started it, and nothing was received since", now)


def last_attempts(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the last run on each server, by the name of the server."""
    last = {run.host: run for run in sorted(runs, key=lambda run: run.attempt)}
    return sorted(last.values(), key=lambda run: run.host)


def counts(runs: Iterable[RunRecord]) -> str:
    """Return the number of runs in each state, such as `3 failed, 297 succeeded`."""
    states = Counter(run.state for run in runs)
    return ", ".join(f"{states[state]} {state.value}" for state in URGENCY if states[state])


def all_ended(runs: Sequence[RunRecord]) -> bool:
    """Return whether all of `runs` have ended."""
    return all(run.state.final for run in runs)


def job_state(runs: Sequence[RunRecord]) -> State:
    """Return the state of a job: running while one of its runs is, else the worst final state. Of
    several attempts the last one counts."""
    states = [run.state for run in runs if not run.retried]
    return overall_state(states, any(run.started for run in runs))


def overall_state(states: Collection[State], begun: bool) -> State:
    """Return the state of a job whose runs are in `states`; `begun` says that a server has accepted
    it."""
    if not all(state.final for state in states):
        return State.RUNNING if begun else State.SENT
    return min(states, key=URGENCY.index, default=State.SUCCEEDED)
