"""What a job looks like: from the ledger to the posts that are wanted. Pure.

Posts are derived, never remembered: whatever happened to them, the ledger says what they must show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from baton.command import Command, Reach
from baton.messages import State
from baton.outcome import duration, named
from bot.front import Button, JobContent, NoticeContent, OutputContent, Post, Row
from bot.jobs import Job, RunRecord, Tail, all_ended

ROWS_MOST = 20
"""Servers shown one by one in a post; of the rest it says how many there are."""

CANCEL = "cancel"
"""The action of the button that cancels a job."""

_URGENT = [
    State.FAILED,
    State.LOST,
    State.INTERRUPTED,
    State.UNROUTABLE,
    State.REFUSED,
    State.EXPIRED,
    State.CANCELLED,
    State.RUNNING,
    State.ACCEPTED,
    State.SENT,
    State.QUEUED,
    State.SUCCEEDED,
]
_BAD = _URGENT[:6]


@dataclass(frozen=True, slots=True)
class Sight:
    """How well we see: since when our own link is gone, if it is; since when servers are silent,
    and when those whose agents were stopped said so. `blind_because` is why it does not come back
    by itself."""

    blind_since: datetime | None = None
    silent: Mapping[str, datetime] = field(default_factory=dict)
    left: Mapping[str, datetime] = field(default_factory=dict)
    blind_because: str = ""


def wanted(
    job: Job,
    command: Command,
    runs: Sequence[RunRecord],
    tails: Mapping[str, Tail],
    sight: Sight,
) -> tuple[Post, ...]:
    """Every post that `job` needs now, parents before their threads."""
    ended = all_ended(runs)
    main = Post(job.id, _job_content(job, command, runs, sight), closing=ended)
    posts = [main]
    if command.changes:
        posts += [
            Post(
                f"{job.id}/{run.host}",
                _output(run, tails.get(run.host), job),
                parent=main.key,
                closing=run.state.final,
            )
            for run in runs
            if tails.get(run.host)
        ]
        bad = [run for run in runs if run.state in _BAD]
        if bad:
            notice = NoticeContent(_failure(job, bad), State.FAILED)
            posts.append(Post(f"{job.id}!", notice, parent=main.key, broadcast=True, closing=ended))
    return tuple(posts)


def job_state(runs: Sequence[RunRecord]) -> State:
    """How a job stands as a whole: running while anything runs, else the worst end of its runs."""
    if not all_ended(runs):
        return State.RUNNING if any(run.started for run in runs) else State.SENT
    return min((run.state for run in runs), key=_URGENT.index, default=State.SUCCEEDED)


def _job_content(job: Job, command: Command, runs: Sequence[RunRecord], sight: Sight) -> JobContent:
    reports = [run.report() for run in runs]
    outcome = command.outcome(reports)
    ended = all_ended(runs)
    summary = outcome.summary
    if ended and command.changes:
        last = max((run.finished for run in runs if run.finished), default=None)
        if last is not None:
            summary += f", after {duration((last - job.asked).total_seconds())}"
    if job.cancelled_by and not ended:
        summary += f"; {job.cancelled_by.name or job.cancelled_by.id} asked to cancel it"
    rows: tuple[Row, ...] = ()
    lines = list(outcome.lines)
    if command.reach is Reach.EACH:
        ordered = sorted(runs, key=lambda run: run.host)
        if len(ordered) > ROWS_MOST:
            ordered = sorted(ordered, key=lambda run: (_URGENT.index(run.state), run.host))
            lines.append(f"and {len(ordered) - ROWS_MOST} more servers")
        rows = tuple(_row(run, job, sight) for run in ordered[:ROWS_MOST])
    hint = ""
    if sight.blind_since and not ended:
        hint = (
            f"We have not seen the message bus since {_moment(sight.blind_since, job)}: "
            "this shows what we knew then."
            + (f" {sight.blind_because}" if sight.blind_because else "")
        )
    unsent = [run for run in runs if run.unsent]
    if ended and unsent:
        where = named(sorted(run.host for run in unsent))
        hint = f"Nothing was asked of {where}: run it again."
    buttons: tuple[Button, ...] = ()
    if not ended and command.changes and job.cancelled_by is None:
        buttons = (Button(CANCEL, "Cancel", job.id, f"Cancel {job.title}?", danger=True),)
    return JobContent(
        title=job.title,
        asked_by=job.asked_by.id,
        summary=summary,
        state=job_state(runs),
        rows=rows,
        lines=tuple(lines),
        buttons=buttons,
        job=job.id,
        hint=hint,
    )


def _row(run: RunRecord, job: Job, sight: Sight) -> Row:
    text = run.text
    if run.state in (State.QUEUED, State.SENT):
        text = "waiting for its agent"
        if sight.blind_since is None and run.host in sight.left:
            text += f", which was stopped at {_moment(sight.left[run.host], job)}"
        elif sight.blind_since is None and run.host in sight.silent:
            text += f", which has not been heard since {_moment(sight.silent[run.host], job)}"
    if run.late is not None:
        text = f"{text} (later it said: {run.late.value})".strip()
    percent = run.percent if run.state is State.RUNNING else None
    return Row(run.host, run.state, text, percent)


def _moment(moment: datetime, job: Job) -> str:
    """A time of the day; with its date if that is not the day of the ask."""
    same_day = moment.date() == job.asked.date()
    return f"{moment:%H:%M:%S} UTC" if same_day else f"{moment:%Y-%m-%d %H:%M} UTC"


def _output(run: RunRecord, tail: Tail | None, job: Job) -> OutputContent:
    headline = run.text if run.state.final else run.step or run.text
    return OutputContent(
        host=run.host,
        state=run.state,
        headline=headline,
        text=tail.text if tail else "",
        hidden=tail.hidden if tail else 0,
        job=job.id,
    )


def _failure(job: Job, bad: Sequence[RunRecord]) -> str:
    unsent = [run for run in bad if run.unsent]
    if len(unsent) == len(bad):
        return f"{job.title}: {unsent[0].text}"
    if len(bad) == 1:
        run = bad[0]
        return f"{job.title}: {run.state.value} on {run.host}: {run.text or 'no reason given'}"
    hosts = named(sorted(f"{run.host} ({run.state.value})" for run in bad))
    return f"{job.title}: not done on {len(bad)} servers: {hosts}"
