"""Jobs of the past, newest first: filtered, page by page. The posts of schedules, which stand among
the jobs, are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, or_, select, tuple_

from baton.bus.messages import State
from bot.jobs import Job, overall_state
from bot.store.database.column_types import Words
from bot.store.database.prefixes import begins_with, prefix_of
from bot.store.database.sql import AnyRow, chunks
from bot.store.database.text_search import folded, has_name, holds, may_hold
from bot.store.jobs.job_rows import job_of, state_of
from bot.store.jobs.schedule_post_rows import OF_SCHEDULES
from bot.store.tables.job_tables import jobs, runs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class JobOutcome(StrEnum):
    """How the jobs went that are looked for. `open`: not all servers have ended. `succeeded`: all
    servers did. `unsuccessful`: all have ended, and not all succeeded. `went-wrong`: these without
    those of which nothing worse was the end than that somebody cancelled them. The others: some
    server ended so, or is `held`: people have yet to agree."""

    OPEN = "open"
    HELD = "held"
    SUCCEEDED = "succeeded"
    UNSUCCESSFUL = "unsuccessful"
    WENT_WRONG = "went-wrong"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNROUTABLE = "unroutable"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are looked for; what is empty does not matter.

    `person` is an id or a name; `server` is one that the job was for, by its name or what comes
    before a dot of it; `text` is part of the title or of the asker's name, or the
    beginning of the id. `since` counts, `until` does not.
    """

    person: str = ""
    command: str = ""
    app: str = ""
    environment: str = ""
    server: str = ""
    outcome: JobOutcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


class Moment(NamedTuple):
    """Where a page of the history ends: the job that was looked at last."""

    asked: datetime
    id: str

    def __str__(self) -> str:
        return f"{(self.asked - _EPOCH) // _MICROSECOND}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> Moment:
        """Return the moment that was written as `text`. Raises ValueError."""
        number, _, id = text.partition(".")
        try:
            return cls(_EPOCH + timedelta(microseconds=int(number)), id)
        except OverflowError:
            raise ValueError(text) from None


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job, and how many of its runs are in which state."""

    job: Job
    state: State
    states: Mapping[State, int]

    @property
    def moment(self) -> Moment:
        """Its place in the history."""
        return Moment(self.job.asked, self.job.id)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some of the jobs that are looked for. `next` is where the history goes on, if it does."""

    jobs: tuple[PastJob, ...]
    next: Moment | None


def page(
    connection: Connection, wanted: JobFilter, before: Moment | None, limit: int
) -> HistoryPage:
    """Return at most `limit` jobs, newest first, that are older than `before`."""
    statement = select(jobs).where(~OF_SCHEDULES, *_conditions(wanted))
    if before is not None:
        key = tuple_(jobs.c.asked, jobs.c.id)
        older = key < tuple_(
            literal(before.asked, jobs.c.asked.type), literal(before.id, jobs.c.id.type)
        )
        statement = statement.where(jobs.c.asked <= before.asked, older)
    ordered = statement.order_by(jobs.c.asked.desc(), jobs.c.id.desc()).limit(limit)
    rows = connection.execute(ordered).all()
    found = [job_of(row) for row in rows if _matches(row, wanted.text)]
    last = Moment(rows[-1].asked, rows[-1].id) if len(rows) == limit else None
    return HistoryPage(tuple(_with_states(connection, found)), last)


def _conditions(wanted: JobFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.person:
        # SQLite lowers ASCII letters alone: the name as it is written is found too
        names = [literal(name, Words()) for name in (wanted.person, wanted.person.lower())]
        name = or_(jobs.c.person_name == names[0], func.lower(jobs.c.person_name) == names[1])
        yield or_(jobs.c.person_id == wanted.person, name)
    if wanted.command:
        yield jobs.c.command == wanted.command
    if wanted.app:
        yield jobs.c.app == wanted.app
    if wanted.environment:
        yield has_name(jobs.c.environment, wanted.environment)
    if wanted.server:
        yield _was_for(wanted.server)
    if wanted.since is not None:
        yield jobs.c.asked >= wanted.since
    if wanted.until is not None:
        yield jobs.c.asked < wanted.until
    if wanted.outcome is not None:
        yield _ended(wanted.outcome)
    if wanted.text:
        named = [may_hold(column, wanted.text) for column in (jobs.c.title, jobs.c.person_name)]
        prefix = prefix_of(wanted.text)
        yield or_(*named, begins_with(jobs.c.id, prefix)) if prefix else or_(*named)


def _was_for(server: str) -> ColumnElement[bool]:
    # what begins with `web-1.`: a slash follows the dot
    longer = and_(runs.c.host > f"{server}.", runs.c.host < f"{server}/")
    host = or_(runs.c.host == server, longer)
    return exists(select(1).select_from(runs).where(runs.c.job == jobs.c.id, host))


def _ended(outcome: JobOutcome) -> ColumnElement[bool]:
    of_job = select(1).select_from(runs).where(runs.c.job == jobs.c.id, ~runs.c.retried)
    other = exists(of_job.where(runs.c.state != State.SUCCEEDED.value))
    harmless = (State.SUCCEEDED.value, State.CANCELLED.value)
    match outcome:
        case JobOutcome.OPEN:
            return jobs.c.closed.is_(None)
        case JobOutcome.SUCCEEDED:
            return and_(jobs.c.closed.is_not(None), ~other)
        case JobOutcome.UNSUCCESSFUL:
            return and_(jobs.c.closed.is_not(None), other)
        case JobOutcome.WENT_WRONG:
            worse = exists(of_job.where(runs.c.state.not_in(harmless)))
            return and_(jobs.c.closed.is_not(None), worse)
        case _:
            return exists(of_job.where(runs.c.state == outcome.value))


def _matches(row: AnyRow, text: str) -> bool:
    words, prefix = folded(text), prefix_of(text)
    named = holds(row.title, words) or holds(row.person_name, words)
    return not text or named or (bool(prefix) and row.id.startswith(prefix))


def _with_states(connection: Connection, found: Sequence[Job]) -> Iterator[PastJob]:
    """Yield the jobs with the states of their runs, which are counted by the database: there may be
    thousands."""
    states: dict[str, Counter[State]] = {job.id: Counter() for job in found}
    begun: Counter[str] = Counter()
    for some in chunks([job.id for job in found]):
        counts = (func.count().label("runs"), func.count(runs.c.started).label("begun"))
        which = (runs.c.job.in_(some), ~runs.c.retried)
        statement = select(runs.c.job, runs.c.state, *counts).where(*which)
        for row in connection.execute(statement.group_by(runs.c.job, runs.c.state)):
            states[row.job][state_of(row.state) or State.LOST] += row.runs
            begun[row.job] += row.begun
    for job in found:
        state = overall_state(states[job.id], begun[job.id] > 0)
        if not states[job.id] and job.closed is None:
            state = State.SENT
        yield PastJob(job, state, states[job.id])
