"""From a job in the ledger to the posts that show it. Pure.

Posts are derived, never remembered: whatever happened to them, the ledger says what they must show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from baton.bus.messages import State
from baton.command import Command, Reach
from baton.outcome import duration, named
from bot.content import (
    CANCEL,
    FLEET,
    Button,
    FileContent,
    JobContent,
    NoticeContent,
    OutputContent,
    Post,
    Row,
)
from bot.holds import waits_for
from bot.jobs import URGENCY, Job, RunRecord, Tail, all_ended, counts, job_state
from bot.posts import grouping
from bot.servers.server_visibility import ServerVisibility
from bot.waiting import hold_lines, rollout_buttons, vote_buttons

MAX_ROWS = 20
"""Servers that are listed in a post; the rest are counted."""

JOB_HOLD, OUTPUT_HOLD = 1.5, 3.0
"""Seconds for which the post of a job waits for its end, from the request on, and the post of a
server's output, from its start on: a short job is one message, and no edit."""

_BAD = URGENCY[: URGENCY.index(State.CANCELLED)]


def render_job(
    job: Job,
    command: Command,
    runs: Sequence[RunRecord],
    tails: Mapping[str, Tail],
    visibility: ServerVisibility,
    page: str = "",
) -> tuple[Post, ...]:
    """Return every post that `job` needs now, parents before their threads. `page` is the address
    of its page in the console, if it has one."""
    ended = all_ended(runs)
    begun, many = job.asked.timestamp(), grouping.too_many_for_single_posts(runs)
    held = partial(Post, hold_until=begun + JOB_HOLD, closing=ended, slow_edits=many)
    thread = _thread(job, runs, tails) if command.changes else []
    content = _job_content(job, command, runs, visibility)
    shown = tuple(_server_shown(post) for post in thread)
    content = replace(content, shown_in_thread=shown, page=page)
    posts = [held(job.id, content), *thread]
    if job.hold is not None and job.hold.warning:
        notice = NoticeContent(job.hold.warning, State.HELD, job.id)
        posts.append(Post(f"{job.id}?", notice, parent=job.id))
    rollout = job.hold.rollout if job.hold is not None else None
    if rollout is not None and rollout.question is not None:
        asked = rollout.question
        notice = NoticeContent(f"{job.title}: {asked.text}", State.HELD, job.id)
        key = f"{job.id}?{asked.number}"
        posts.append(Post(key, notice, parent=job.id, broadcast=asked.urgent))
    bad = [run for run in runs if run.state in _BAD] if command.changes else []
    if bad:
        notice = NoticeContent(_failure(job, bad), job_state(bad), job.id)
        posts.append(held(f"{job.id}!", notice, parent=job.id, broadcast=True))
    return tuple(posts)


def _thread(job: Job, runs: Sequence[RunRecord], tails: Mapping[str, Tail]) -> list[Post]:
    """Return the posts of what the servers report: one for each, or for many servers one for all
    of them and their whole output as a file."""
    if not grouping.too_many_for_single_posts(runs):
        return [
            Post(
                f"{job.id}/{run.host}",
                _output(run, tails.get(run.host), job),
                parent=job.id,
                closing=run.state.final,
                hold_until=(run.started or job.asked).timestamp() + OUTPUT_HOLD,
            )
            for run in _runs_with_output(runs, tails)
        ]
    ended = all_ended(runs)
    posts = []
    if content := grouping.fleet_content(job.id, job_state(runs), runs, tails):
        hold = job.asked.timestamp() + OUTPUT_HOLD
        key = f"{job.id}/{FLEET}"
        posts.append(Post(key, content, job.id, closing=ended, hold_until=hold, slow_edits=True))
    if ended and tails:
        hosts = tuple(sorted({run.host for run in runs if run.sequence}))
        whole = FileContent(f"{job.id}-output.txt", job.id, hosts)
        posts.append(Post(f"{job.id}/output", whole, job.id, closing=True))
    return posts


def _server_shown(post: Post) -> str:
    return post.content.host if isinstance(post.content, OutputContent) else FLEET


def _runs_with_output(runs: Sequence[RunRecord], tails: Mapping[str, Tail]) -> list[RunRecord]:
    """Return the runs with output, and those listed before them that may have some yet, so that
    posts stand in the order of the list."""
    ordered = sorted(runs, key=lambda run: run.host)
    last = max((at for at, run in enumerate(ordered) if tails.get(run.host)), default=-1)
    return [run for run in ordered[: last + 1] if tails.get(run.host) or not run.state.final]


def _job_content(
    job: Job, command: Command, runs: Sequence[RunRecord], visibility: ServerVisibility
) -> JobContent:
    reports = [run.report() for run in runs]
    outcome = command.outcome(reports)
    ended = all_ended(runs)
    summary = outcome.summary
    if ended and command.changes:
        last = max((run.finished for run in runs if run.finished), default=None)
        if last is not None:
            summary += f", after {duration((last - job.asked).total_seconds())}"
    if job.cancelled_by and not ended:
        summary += f"; cancellation requested by {job.cancelled_by.label}"
    rows: tuple[Row, ...] = ()
    waiting = job_state(runs) is State.HELD and job.hold is not None
    lines = [*hold_lines(job, ended=ended, told=waiting), *outcome.lines]
    if waiting and job.hold is not None:
        summary = waits_for(job.hold, job.votes, job.plan_digest, len(runs))
    rollout = job.hold.rollout if job.hold is not None else None
    if rollout is not None and rollout.undone_by:
        summary += ", and is taken back"
    if command.reach in (Reach.EACH, Reach.QUEUE):
        ordered = sorted(runs, key=lambda run: run.host)
        if len(ordered) > MAX_ROWS:
            ordered = sorted(ordered, key=lambda run: (URGENCY.index(run.state), run.host))
            rest = ordered[MAX_ROWS:]
            lines.append(f"and {len(rest)} more: {counts(rest)}")
        rows = tuple(_row(run, job, visibility) for run in ordered[:MAX_ROWS])
    buttons: tuple[Button, ...] = rollout_buttons(job)
    if not ended and command.changes and job.cancelled_by is None:
        asking = waiting and job.hold is not None and job.hold.opened is None
        label = "Withdraw" if asking else "Cancel"
        cancel = Button(CANCEL, label, job.id, f"{label} {job.title}?", danger=True)
        buttons = (*(vote_buttons(job) if asking else buttons), cancel)
    return JobContent(
        title=job.title,
        asked_by=job.asked_by.id,
        summary=summary,
        state=job_state(runs),
        rows=rows,
        lines=tuple(lines),
        buttons=buttons,
        job=job.id,
        hint=_hint(job, runs, visibility),
    )


def _hint(job: Job, runs: Sequence[RunRecord], visibility: ServerVisibility) -> str:
    """Return what limits the truth of the post: that the bot is blind, or that a request never left
    it."""
    if not all_ended(runs):
        if visibility.blind_since is None or job_state(runs) is State.HELD:
            return ""
        since = _moment(visibility.blind_since, job)
        hint = f"No connection to RabbitMQ since {since}: this shows the last known state."
        return f"{hint} {visibility.blind_because}".strip()
    unsent = sorted(run.host for run in runs if run.unsent)
    return f"Nothing was sent to {named(unsent)}: run it again." if unsent else ""


def _row(run: RunRecord, job: Job, visibility: ServerVisibility) -> Row:
    text = run.text
    if run.state in (State.QUEUED, State.SENT) and run.queue:
        text = "waiting for a worker"
        if visibility.blind_since is None and run.queue in visibility.idle:
            since = _moment(visibility.idle[run.queue], job)
            text += f": none of this queue is running, the last sign of one came at {since}"
    elif run.state is State.HELD:
        text = ""
    elif run.state in (State.QUEUED, State.SENT):
        text = "waiting for its agent"
        if visibility.blind_since is None and run.host in visibility.left:
            text += f", which was stopped at {_moment(visibility.left[run.host], job)}"
        elif visibility.blind_since is None and run.host in visibility.silent:
            text += f", no heartbeat since {_moment(visibility.silent[run.host], job)}"
    if run.attempt > 1:
        text = f"{text} (attempt {run.attempt})".strip()
    if run.late is not None:
        text = f"{text} (reported later: {run.late.value})".strip()
    percent = run.percent if run.state is State.RUNNING else None
    return Row(run.host, run.state, text, percent)


def _moment(moment: datetime, job: Job) -> str:
    """Return a time of the day; with its date if that is not the day of the request."""
    same_day = moment.date() == job.asked.date()
    return f"{moment:%H:%M:%S} UTC" if same_day else f"{moment:%Y-%m-%d %H:%M} UTC"


def _output(run: RunRecord, tail: Tail | None, job: Job) -> OutputContent:
    """Return the post of one server's output. The headline is not repeated below it: while the run
    is under way it is the step, since the last line would be missing in the output."""
    text = tail.text if tail else ""
    said_last = bool(run.text) and (f"\n{text}").endswith(f"\n{run.text}")
    if run.state.final:
        headline, text = run.text, grouping.without_last_line(text, run.text)
    else:
        headline = run.step or ("" if said_last else run.text)
    return OutputContent(
        host=run.host,
        state=run.state,
        headline=headline,
        text=text,
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
