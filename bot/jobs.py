"""Jobs and runs: what the ledger holds. Pure.

A job is one request of a person; a run is its share on one server. bot.run_changes says how a run
changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from baton.bus.exchanges import queue_of
from baton.bus.messages import (
    NEXT_LOOK,
    WORKER,
    Message,
    Person,
    Request,
    State,
)
from baton.outcome import RunReport
from bot.holds import Hold, Vote

CONSOLE = "console"
"""The front of what is asked on the pages of the console, or over its API. It has no posts: a page
is drawn when it is read."""

MIN_SEND_WINDOW = 20.0
"""Seconds, at least, for which a request may wait in the outbox: a bot that starts again, or takes
over from another, still sends it."""

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
    State.HELD,
    State.SUCCEEDED,
)
"""The states in the order in which they need attention."""


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
    hold: Hold | None = None
    """What it waits for, or waited for, before it starts."""
    votes: tuple[Vote, ...] = ()
    """What people have said about that, oldest first."""
    plan: Mapping[str, JsonValue] = field(default_factory=dict)
    """What they were asked about (baton.plan); empty if nobody was asked, or not yet."""
    plan_digest: str = ""

    @property
    def over(self) -> bool:
        """Whether all its runs have ended, and nobody looks after it any more: a rollout may go on
        after its last wave, to be healthy for a while or to be taken back."""
        return self.closed is not None and not (self.hold is not None and self.hold.rolling)

    def is_of(self, person: Person, directory: str) -> bool:
        """Whether `person`, of the chat `directory`, asked for it."""
        return (self.asked_by.id, self.place.directory) == (person.id, directory)

    @property
    def subject(self) -> Subject:
        """What its posts are about."""
        return Subject(self.id, self.place, self.asked.timestamp(), self.asked_by.id)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A job's share on one server, as the ledger has it.

    `deadline`: by when it must be sent, and from then on by when its server must have accepted it;
    while it is held, by when it must start.
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
    """What a request writes in one transaction: the job, its runs, and the messages to be
    sent. There is none for a run that is held. `fences` are the numbers of the last locks of its
    environments, as the gates saw them; empty if no lock is about it."""

    job: Job
    runs: tuple[RunRecord, ...]
    outbox: tuple[OutboxMessage, ...]
    fences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The runs of a job after somebody cancelled it, who had cancelled it before, if anybody, and
    whether it was `over` already, so that nothing was changed."""

    runs: tuple[RunRecord, ...]
    before: Person | None = None
    over: bool = False


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


def last_attempts(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the last run on each server, by the name of the server."""
    last = {run.host: run for run in sorted(runs, key=lambda run: run.attempt)}
    return sorted(last.values(), key=lambda run: run.host)


def counts(runs: Iterable[RunRecord]) -> str:
    """Return the number of runs in each state, such as `3 failed, 297 succeeded`."""
    states = Counter(run.state for run in runs)
    return ", ".join(f"{states[state]} {state.value}" for state in URGENCY if states[state])


def held_runs(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """Return those of `runs` that are held."""
    return [run for run in runs if run.state is State.HELD]


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
    open_states = {state for state in states if not state.final}
    if open_states:
        if open_states == {State.HELD}:
            return State.HELD
        return State.RUNNING if begun else State.SENT
    return min(states, key=URGENCY.index, default=State.SUCCEEDED)
