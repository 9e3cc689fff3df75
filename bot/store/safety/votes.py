"""Votes as rows: one for each job and person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, select

from baton.bus.messages import Person, State
from bot.holds import Verdict, Vote, denied
from bot.jobs import Job, RunRecord
from bot.run_changes import close
from bot.store.database.sql import AnyRow, chunks, upsert
from bot.store.jobs.job_changes import lock, mark_changed, runs_of, write_runs
from bot.store.jobs.job_rows import Values, job_of, run_row
from bot.store.tables.job_tables import jobs
from bot.store.tables.vote_table import votes

_VOTES = (
    select(votes)
    .where(votes.c.job.in_(bindparam("ids", expanding=True)))
    .order_by(votes.c.at, votes.c.directory, votes.c.person_id)
)


@dataclass(frozen=True, slots=True)
class Voted:
    """What became of a vote. `job`, with all votes, and `runs` are as they are after it.

    `counted`: it is written now. `before`: what the same person had said about the same plan, if
    they had. Otherwise nothing waits for votes any more, or for those about another plan.
    """

    job: Job
    runs: tuple[RunRecord, ...]
    counted: bool
    before: Vote | None = None


def votes_of(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Vote, ...]]:
    """Return the votes about these jobs, oldest first."""
    found: dict[str, tuple[Vote, ...]] = {}
    for some in chunks(sorted(ids)):
        for row in connection.execute(_VOTES, {"ids": some}):
            vote = _vote_of(row)
            if vote is not None:
                found[row.job] = (*found.get(row.job, ()), vote)
    return found


def with_votes(connection: Connection, found: Mapping[str, Job]) -> dict[str, Job]:
    """Return these jobs with what people have said about them."""
    said = votes_of(connection, [id for id, job in found.items() if job.hold is not None])
    return {id: replace(job, votes=said.get(id, ())) for id, job in found.items()}


def whole_job(connection: Connection, id: str) -> Job:
    """Return a job, which there is, with its votes."""
    row = connection.execute(select(jobs).where(jobs.c.id == id)).one()
    return with_votes(connection, {id: job_of(row)})[id]


def vote(connection: Connection, id: str, said: Vote) -> Voted | None:
    """Write a vote about the job `id`, if it is held and the vote is about its plan; None if there
    is no such job. Somebody who says the same again changes nothing. To deny ends the job."""
    if id not in lock(connection, [id]):
        return None
    job, found = whole_job(connection, id), runs_of(connection, id)
    held = [run for run in found if run.state is State.HELD]
    before = next((one for one in job.votes if _same_person(one, said)), None)
    waits = held and job.closed is None and job.hold is not None and job.hold.takes_votes(said.at)
    if not waits or said.plan != job.plan_digest:
        return Voted(job, tuple(found), counted=False)
    if before is not None and (before.plan, before.verdict) == (said.plan, said.verdict):
        return Voted(job, tuple(found), counted=False, before=before)
    row = _row(id, said)
    statement = upsert(connection, votes).values(**row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[votes.c.job, votes.c.directory, votes.c.person_id], set_=row
        )
    )
    if said.verdict is Verdict.DENY:
        ended = [close(run, State.REFUSED, denied(said), said.at) for run in held]
        write_runs(connection, [run_row(run) for run in ended])
    mark_changed(connection, [id], said.at)
    return Voted(whole_job(connection, id), tuple(runs_of(connection, id)), counted=True)


def _same_person(one: Vote, other: Vote) -> bool:
    return (one.directory, one.person.id) == (other.directory, other.person.id)


def _row(id: str, said: Vote) -> Values:
    return {
        "job": id,
        "directory": said.directory,
        "person_id": said.person.id,
        "person_name": said.person.name,
        "verdict": said.verdict.value,
        "at": said.at,
        "plan": said.plan,
        "groups": sorted(said.groups),
        "because": said.because,
        "place": said.place,
    }


def _vote_of(row: AnyRow) -> Vote | None:
    """Return the vote in `row`; None if another version wrote it and it cannot be read."""
    if row.verdict not in {verdict.value for verdict in Verdict}:
        return None
    groups = row.groups if isinstance(row.groups, list) else []
    return Vote(
        Person(id=row.person_id, name=row.person_name),
        row.directory,
        Verdict(row.verdict),
        row.at,
        row.plan,
        frozenset(str(each) for each in groups),
        row.because,
        row.place,
    )
