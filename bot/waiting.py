"""What is shown of a job that waits for people, or waited, and of one that goes in waves. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from baton.bus.messages import State
from baton.bus.plans import plan_words
from bot.content import ASK, Button
from bot.holds import Hold, agreed, expired, waits_for
from bot.job_plans import plan_of
from bot.jobs import Job, RunRecord, all_ended, counts, last_attempts, short_id
from bot.rollout.words import planned_words, progress_lines

MAX_LINES = 12
"""Lines about the plan and about what has changed, at most."""


def hold_lines(job: Job, *, ended: bool, told: bool = False) -> list[str]:
    """Return what would change, what has changed since people were asked, who has agreed, and until
    when, or how far it is in its waves; nothing for a job that waited for nobody. `told`: what it
    waits for between waves stands elsewhere already.
    """
    hold = job.hold
    if hold is None:
        return []
    who = agreed_lines(job)
    if hold.opened is not None:
        waits = hold.waits if hold.rolling and not told else ""
        now = [f"Now: {waits.rstrip('.')}."] if waits else []
        return [*who, *rollout_lines(hold, wave=not ended), *now]
    lines = _limited(plan_lines(job))
    if hold.rollout is not None:
        servers = len(hold.rollout.waves) or _servers_of(job)
        lines.append(f"Rollout: {planned_words(hold.rollout.settings, servers)}.")
    if hold.changed:
        lines.append("Changed since it was shown first, so you are asked again:")
        lines += _limited(list(hold.changed))
    return [*lines, *who, *_about(job, hold)]


def agreed_lines(job: Job) -> list[str]:
    """Return who has agreed to what `job` is now, as a sentence; nothing if nobody has."""
    said = agreed(vote for vote in job.votes if vote.plan == job.plan_digest)
    return [f"{said[:1].upper()}{said[1:]}."] if said else []


def rollout_lines(hold: Hold, *, wave: bool = True) -> list[str]:
    """Return how far a job is that goes in waves, and how that ended; with `wave` also which wave
    has begun."""
    if hold.rollout is None:
        return []
    ended = [hold.waits] if hold.rollout.over and hold.waits else []
    return [*progress_lines(hold.rollout, wave=wave), *ended]


def plan_lines(job: Job) -> list[str]:
    """Return what would change, by the plan of `job`, if there is one that can be read."""
    plan = plan_of(job)
    return [] if plan is None else plan_words(plan)


def vote_buttons(job: Job) -> tuple[Button, ...]:
    """Return what people can press while `job` waits for them. What they send is words of chat,
    which are answered for ever."""
    hold = job.hold
    if hold is None or not job.plan_digest:
        return ()
    plan = f" --plan {job.plan_digest.removeprefix('sha256:')[:8]}"
    buttons = []
    if hold.confirm:
        buttons.append(Button(f"{ASK}.confirm", "Confirm", f"confirm {job.id}{plan}"))
    if hold.approvals:
        buttons.append(Button(f"{ASK}.approve", "Approve", f"approve {job.id}{plan}"))
    if hold.approvals or hold.signers:
        question = f"Deny {job.title}? To say why: /deny {job.id[:6]} because ..."
        buttons.append(Button(f"{ASK}.deny", "Deny", f"deny {job.id}", question, danger=True))
    return tuple(buttons)


def rollout_buttons(job: Job) -> tuple[Button, ...]:
    """Return what people can press while `job` goes in waves."""
    hold = job.hold
    if hold is None or hold.rollout is None or not hold.rolling or hold.rollout.stopped:
        return ()
    if job.cancelled_by is not None:
        return ()
    state, word = hold.rollout, f"rollout {job.id}"
    buttons = []
    if state.paused or state.question is not None:
        mark = f" --question {state.question.mark}" if state.question is not None else ""
        buttons.append(Button(f"{ASK}.go-on", "Go on", f"{word} go-on{mark}"))
    more = any(wave > state.wave for wave in state.waves.values())
    if more and not state.paused:
        buttons.append(Button(f"{ASK}.pause", "Pause", f"{word} pause"))
    if more:
        buttons.append(Button(f"{ASK}.slower", "Slower", f"{word} slower"))
    if state.can_undo:
        question = f"Take back {job.title} wherever it succeeded?"
        buttons.append(Button(f"{ASK}.back", "Back", f"{word} back", question, danger=True))
    return tuple(buttons)


def asks(job: Job) -> bool:
    """Return whether `job` goes on only if a person says so, between its waves."""
    rollout = job.hold.rollout if job.hold is not None and job.hold.rolling else None
    return rollout is not None and (rollout.question is not None or bool(rollout.paused))


def waiting_words(job: Job, servers: int = 0) -> str:
    """Return what `job`, of so many `servers`, waits for now, before it starts or between its
    waves; empty if for nothing."""
    hold = job.hold
    if hold is None or job.over:
        return ""
    if hold.opened is not None:
        return hold.waits if hold.rolling else ""
    return waits_for(hold, job.votes, job.plan_digest, servers)


def _servers_of(job: Job) -> int:
    plan = plan_of(job)
    return 1 if plan is None else len(plan.hosts)


def named(job: Job) -> str:
    """Return how an answer names `job`: by its title and its ID."""
    return f"{job.title} ({short_id(job.id)})"


def became(job: Job, runs: Sequence[RunRecord]) -> str:
    """Return what became of a job that waits for nobody any more, in a sentence."""
    last = last_attempts(runs)
    if job.hold is None:
        begin = f"{named(job)} waited for nobody"
    elif job.hold.opened is not None:
        said = [vote for vote in job.votes if vote.plan == job.plan_digest]
        begin = f"{named(job)} was {agreed(said) or 'let through'}"
        begin += f" and started at {job.hold.opened:%Y-%m-%d %H:%M:%S} UTC"
    else:
        why = last[0].text if last else "nothing was sent"
        if job.cancelled_by is not None:
            why = f"withdrawn by {job.cancelled_by.label}"
        elif any(run.state is State.HELD for run in last):  # its time is over: nobody wrote it yet
            why = expired(job.hold, job.votes, job.plan_digest)
        return f"{named(job)} ended before it started: {why}."
    if not all_ended(runs):
        return f"{begin}; it is still running."
    return f"{begin}; it ended: {counts(last)}."


def _about(job: Job, hold: Hold) -> list[str]:
    same_day = hold.until.date() == job.asked.date()
    until = f"{hold.until:%H:%M:%S} UTC" if same_day else f"{hold.until:%Y-%m-%d %H:%M} UTC"
    said = [f"Nothing was sent. It ends by itself at {until}."]
    if hold.beside:
        said.append(
            f"For the same target {', '.join(hold.beside)} waits too: each starts by itself."
        )
    return said


def _limited(lines: list[str]) -> list[str]:
    if len(lines) <= MAX_LINES:
        return lines
    return [*lines[: MAX_LINES - 1], f"and {len(lines) - MAX_LINES + 1} more"]
