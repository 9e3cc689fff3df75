"""Jobs that go through their servers in waves: the leader looks after them.

    rows, health and the time -> bot.rollout.decide -> one transaction that decides again

Nothing is remembered between two looks, so a bot that dies, or leads no longer, opens no server
twice and none too early.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from baton.bus.messages import State, now
from baton.errors import UsageError
from bot.holds import Clear, Hindrance, Hold
from bot.job_plans import plan_of
from bot.job_rollouts import rollout_of
from bot.jobs import Job, RunRecord, all_ended, held_runs
from bot.outbox.opening import opened
from bot.outbox.start import Check
from bot.rollout.decide import Ask, Decision, Done, Open, Revert, Stop, Wait, decide
from bot.rollout.state import RolloutState
from bot.rollout.values import Reading
from bot.rollout.waves import assign
from bot.run_changes import close
from bot.store.jobs.ledger import Ledger
from bot.store.safety.held_jobs import HeldChange

LIMIT = 86_400.0
"""Seconds after which a rollout that stands still ends by itself."""

Health = Callable[[Collection[str]], Awaitable[Mapping[str, Reading]]]
"""Returns the last reading of each of these servers of which there is one."""
Undo = Callable[[Job, Sequence[str], str], Awaitable[Job]]
"""Starts the job that takes another back on these servers, in this order, for that reason; the same
job if it is called again. Raises UsageError if there is none."""


class Rollouts:
    """Looks after the jobs of `ledger` that go through their servers in waves.

    `check` is asked before each wave, as before any start. `seeing_since` is since when this bot
    has seen the servers, None while it does not. `source` is this bot, as it signs its requests.
    """

    def __init__(
        self,
        ledger: Ledger,
        check: Check,
        health: Health,
        undo: Undo,
        seeing_since: Callable[[], datetime | None],
        *,
        source: str,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._ledger = ledger
        self._check = check
        self._health = health
        self._undo = undo
        self._seeing_since = seeing_since
        self._source = source
        self._clock = clock

    async def begin(self, hold: Hold, hosts: Collection[str], silent: Collection[str]) -> Hold:
        """Return `hold`, of a job that starts on `hosts` now, with the waves of its servers.
        Nothing is sent to those that are `silent`, so they are in no wave: none counts as begun
        because of them."""
        if hold.rollout is None:
            return hold
        readings = await self._health(hosts)
        # without any reading the bot cannot see: that is no news of the servers
        sick = {host for host in hosts if host not in readings or readings[host].bad}
        sick = sick if readings else set()
        waves = assign(set(hosts) - set(silent), hold.rollout.settings, sick)
        return hold.model_copy(update={"rollout": hold.rollout.with_waves(waves, sick)})

    async def advance(self, job: Job, runs: Sequence[RunRecord]) -> bool:
        """Do what is to be done about `job` now; return whether anything changed."""
        at = self._clock()
        begun = [run.host for run in runs if run.state is State.SUCCEEDED]
        readings = await self._health(begun) if begun else {}
        seeing = self._seeing_since() or at
        decision = _decide(job, runs, readings, at, seeing)
        if isinstance(decision, Open):
            return await self._open(job, decision, readings, at, seeing)
        if isinstance(decision, Revert):
            return await self._take_back(job, decision)

        if note(job, runs, decision, at) is None:
            return False  # as at most looks: nothing is to be written

        def noted(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            return note(now, runs, _decide(now, runs, readings, at, seeing), at)

        return await self._ledger.change_held(job.id, noted, at)

    async def _open(
        self,
        job: Job,
        decision: Open,
        readings: Mapping[str, Reading],
        at: datetime,
        seeing: datetime,
    ) -> bool:
        clear = await self._check(job, decision.hosts)

        def open_now(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            if now.hold is None or _decide(now, runs, readings, at, seeing) != decision:
                return None
            if isinstance(clear, Hindrance):
                return _hindered(now.hold, runs, clear, decision, at)
            return _opened(now, runs, decision, clear, at, self._source)

        return await self._ledger.change_held(job.id, open_now, at)

    async def _take_back(self, job: Job, decision: Revert) -> bool:
        try:
            undone_by, text = (await self._undo(job, decision.hosts, decision.text)).id, ""
        except UsageError as error:
            undone_by, text = "", f"It cannot be taken back: {error.problem}"

        def taken_back(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            if now.hold is None or now.hold.rollout is None or now.hold.rollout.over:
                return None
            state = now.hold.rollout.model_copy(update={"undone_by": undone_by, "over": True})
            # nobody looks after it any more: whoever waits for it to go back hears that it does not
            warning = f"{job.title}: {text}" if text else now.hold.warning
            news = {"rollout": state, "waits": text, "warning": warning}
            return HeldChange(hold=now.hold.model_copy(update=news))

        return await self._ledger.change_held(job.id, taken_back, self._clock())


def _decide(
    job: Job,
    runs: Sequence[RunRecord],
    readings: Mapping[str, Reading],
    at: datetime,
    seeing: datetime,
) -> Decision:
    """Return what is to be done about the rollout of `job`; it is over if somebody cancelled it, or
    if it has stood still for so long that it ended by itself."""
    assert job.hold is not None, job.id
    if job.cancelled_by is not None:
        return Done() if all_ended(runs) else Wait("cancelled")
    state = job.hold.rollout
    asks = state is not None and (state.paused or state.question)
    if asks and at >= job.hold.until and all_ended(runs):
        return Done()
    return decide(replace(rollout_of(job, runs, readings), seeing_since=seeing), at)


def note(
    job: Job, runs: Sequence[RunRecord], decision: Decision, at: datetime
) -> HeldChange | None:
    """Return how `job` changes by a decision that opens nothing; None if it stays as it is."""
    if job.hold is None or job.hold.rollout is None:
        return None
    hold, state = job.hold, job.hold.rollout
    asked = state.asked
    if isinstance(decision, Stop):
        text = f"not begun: {decision.text}"
        ended = [close(run, State.CANCELLED, text, at) for run in held_runs(runs)]
        state = state.without_question().model_copy(update={"stopped": decision.text})
        return HeldChange(hold=_with(hold, state, ""), runs=tuple(ended))
    if isinstance(decision, Ask):
        state = state.with_question(decision.text, decision.wave, decision.hosts, decision.urgent)
        changed = _with(hold, state, decision.text)
    elif isinstance(decision, Wait):
        text = "" if decision.running else decision.text
        changed = _with(hold, state.without_question(), text)
    elif isinstance(decision, Done):
        over = state.without_question().model_copy(update={"over": True})
        return HeldChange(hold=_with(hold, over, ""))
    else:
        return None
    if not changed.warning and at >= hold.warn_at and (state.paused or state.question):
        changed = changed.model_copy(update={"warning": _warning(job, changed)})
    return _stays(changed, hold, runs, at, asked)


def stays_until(at: datetime) -> datetime:
    """Return until when a rollout that does something at `at` stays if nobody says anything."""
    return at + timedelta(seconds=LIMIT)


def _stays(
    changed: Hold, before: Hold, runs: Sequence[RunRecord], at: datetime, asked: int
) -> HeldChange | None:
    """Return how a job changes whose hold, as it was `before`, is `changed`; None if it stays as it
    is. The day after which it ends by itself is for people: it begins when they are asked, of whom
    `asked` questions had been asked before, and what waits for anything else has as long again."""
    state = changed.rollout
    assert state is not None
    for_people = state.paused or (state.question is not None and state.asked == asked)
    if not for_people and _is_old(changed, at):
        changed, rest = _anew(changed, held_runs(runs), at)
        return HeldChange(hold=changed, runs=rest)
    return HeldChange(hold=changed) if changed != before else None


def _is_old(hold: Hold, at: datetime) -> bool:
    """Return whether `hold` is to stay for longer. Not at each wave: a fleet that goes one by one
    would write all of its rows each time."""
    return at >= hold.since + (hold.until - hold.since) / 4


def _anew(
    hold: Hold, held: Sequence[RunRecord], at: datetime
) -> tuple[Hold, tuple[RunRecord, ...]]:
    """Return `hold`, and the runs that are `held`, as they stay for as long again."""
    until = stays_until(at)
    hold = hold.model_copy(update={"since": at, "until": until, "warning": ""})
    return hold, tuple(replace(run, deadline=until) for run in held)


def _opened(
    job: Job,
    runs: Sequence[RunRecord],
    decision: Open,
    clear: Clear,
    at: datetime,
    source: str,
) -> HeldChange:
    """Return how `job` changes when the servers of `decision` begin. Each wave has a deadline of
    its own, and what has not begun has as long again."""
    assert job.hold is not None, job.id
    hold = job.hold
    assert hold.rollout is not None, job.id
    state = hold.rollout.without_question().model_copy(update={"wave": decision.wave})
    hold = _with(hold, state, "")
    begin = [run for run in held_runs(runs) if run.host in decision.hosts]
    queued, outbox = opened(job, begin, plan_of(job), clear, at, source)
    rest: tuple[RunRecord, ...] = ()
    if _is_old(hold, at):
        later = [run for run in held_runs(runs) if run.host not in decision.hosts]
        hold, rest = _anew(hold, later, at)
    return HeldChange(hold=hold, runs=(*queued, *rest), outbox=outbox)


def _hindered(
    hold: Hold, runs: Sequence[RunRecord], hindrance: Hindrance, decision: Open, at: datetime
) -> HeldChange | None:
    """Return how a job changes whose next wave a gate does not let through."""
    assert hold.rollout is not None
    text = f"wave {decision.wave} waits: {hindrance.text}"
    if hindrance.final:
        # nothing begins any more, so there is nothing to ask: what has begun ends by itself
        ended = [close(run, State.REFUSED, hindrance.text, at) for run in held_runs(runs)]
        over = hold.rollout.without_question().model_copy(update={"over": True})
        return HeldChange(hold=_with(hold, over, hindrance.text), runs=tuple(ended))
    state = hold.rollout.without_question()
    return _stays(_with(hold, state, text), hold, runs, at, state.asked)


def _with(hold: Hold, state: RolloutState, waits: str) -> Hold:
    return hold.model_copy(update={"rollout": state, "waits": waits})


def _warning(job: Job, hold: Hold) -> str:
    return (
        f"{job.title} stands still. It ends at {hold.until:%Y-%m-%d %H:%M} UTC, and the servers "
        f"that have not begun stay as they are, unless somebody says `go on`: {hold.waits}"
    )
