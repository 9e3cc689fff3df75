"""Jobs that are held start once people have said what is needed: the leader looks after them. What
goes in waves from then on is looked after by bot.outbox.rollouts.

What it knows is rows: a job that is held, its votes, and the time. What `decide` says of them is
carried out in one transaction that looks at them again, so a bot that dies, or that leads no
longer, starts nothing twice and nothing too early.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from baton.bus.messages import State, new_id, now
from baton.bus.plans import (
    Plan,
    SurveyFacts,
    differences,
    make_plan,
    plan_digest,
)
from baton.errors import BatonError
from baton.timing.waiting import wait_at_most
from bot.holds import Clear, Hindrance, Hold
from bot.job_plans import plan_of
from bot.jobs import Job, RunRecord, held_runs
from bot.outbox.opening import opened
from bot.outbox.rollouts import Rollouts, stays_until
from bot.outbox.start import Check, Step, beside, decide, warned
from bot.run_changes import close
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.ledger import Ledger
from bot.store.jobs.queries import JobWithRuns
from bot.store.safety.held_jobs import HeldChange

log = structlog.get_logger(__name__)

RETRY_DELAY = 0.5
"""Seconds before what the database did not take is tried again."""
PATIENCE = 60.0
"""Seconds for which a job waits for servers that cannot say what would change; then people are
asked whether it is to start nevertheless."""
LOOK_AGAIN = 5.0
"""Seconds before what hinders a job from starting is looked at again."""
GONE = "the bot does not know it any more"
SILENT = "it did not say what it would do: its agent is stopped, or older than this bot"


Survey = Callable[[Job, Collection[str]], Awaitable[Mapping[str, SurveyFacts | None]]]
"""Asks servers what a job would do on them: None for each that does not answer. Raises BatonError
if they cannot be asked."""
Hosts = Callable[[Job], Collection[str] | None]
"""Returns the servers that the words of a job mean now; None if nobody understands them now."""


class HeldJobs:
    """Looks after the jobs of `ledger` that are held.

    `check` says whether one may start, `survey` asks its servers, `hosts` says which they are now,
    and `rollouts` looks after those that go in waves.
    `job_changed` is called with each job that this changes; `source` is this bot, as it signs its
    requests. The ledger is read every `poll` seconds even if `wake` is not called.
    """

    def __init__(
        self,
        ledger: Ledger,
        check: Check,
        survey: Survey,
        hosts: Hosts,
        rollouts: Rollouts,
        job_changed: Callable[[str], None],
        *,
        source: str,
        poll: float,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._ledger = ledger
        self._check = check
        self._survey = survey
        self._hosts = hosts
        self._rollouts = rollouts
        self._job_changed = job_changed
        self._source = source
        self._poll = poll
        self._clock = clock
        self._woken = asyncio.Event()
        self._seen: dict[str, JobWithRuns] = {}
        """The jobs that are looked after, as they were read last."""
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, datetime] = {}
        self._odd_since: dict[str, datetime] = {}

    def wake(self) -> None:
        """Look at once: somebody has voted, or something is held."""
        self._woken.set()

    async def run(self) -> None:
        """Look after them, until cancelled. One that waits for its servers keeps no other one
        waiting."""
        try:
            while True:
                self._woken.clear()
                pause = self._poll
                try:
                    await self.round()
                except DatabaseUnavailable as error:
                    log.warning("cannot read the jobs that are held, will retry", reason=str(error))
                    pause = RETRY_DELAY
                await wait_at_most(pause, self._woken.wait())
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def round(self) -> None:
        """Begin what is to be done about each job that is held. Raises DatabaseUnavailable."""
        revisions = await self._ledger.held()
        self._not_before = {id: at for id, at in self._not_before.items() if id in revisions}
        self._odd_since = {id: at for id, at in self._odd_since.items() if id in revisions}
        await self._read(revisions)
        jobs = [job for job, _ in self._seen.values() if job.hold is None or not job.hold.rolling]
        for job, runs in self._seen.values():
            if job.id not in self._busy:
                work = self._guarded(job, runs, beside(job, jobs))
                self._busy[job.id] = asyncio.create_task(work)

    async def _read(self, revisions: Mapping[str, int]) -> None:
        """Read those of these jobs again that have changed: one may wait for a week, and have a
        thousand runs."""
        seen = {id: found for id, found in self._seen.items() if id in revisions}
        old = [id for id in revisions if id not in seen or seen[id][0].revision != revisions[id]]
        self._seen = {**seen, **await self._ledger.jobs(old)} if old else seen

    async def _guarded(self, job: Job, runs: Sequence[RunRecord], others: tuple[str, ...]) -> None:
        try:
            await self._advance(job, runs, others)
        except BatonError as error:
            self._later(job)
            log.warning("a job that is held waits", job=job.id, reason=str(error))
        except Exception:
            self._later(job)
            log.exception("internal error about a job that is held", job=job.id)
        finally:
            del self._busy[job.id]

    async def _advance(self, job: Job, runs: Sequence[RunRecord], others: tuple[str, ...]) -> None:
        at = self._clock()
        if job.hold is not None and job.hold.rolling:
            if at >= self._not_before.get(job.id, at) and await self._rollouts.advance(job, runs):
                self._job_changed(job.id)
            return
        if job.hold is not None and job.hold.beside != others:
            await self._change(job, lambda now: {"beside": others})
            return
        step = decide(job, at)
        if step is Step.WARN:
            await self._change(job, lambda now: warned(now, at))
        elif step is not Step.WAIT and at >= self._not_before.get(job.id, at):
            hosts = [run.host for run in held_runs(runs)]
            if step is Step.SURVEY:
                await self._plan(job, hosts)
            else:
                await self._start(job, hosts)

    async def _plan(self, job: Job, hosts: Collection[str]) -> None:
        """Write what the servers say that would change."""
        found = await self._survey(job, hosts)
        plan, at = make_plan(job.id, job.command, job.arguments, _facts(found)), self._clock()

        def planned(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            if now.hold is None or decide(now, at) is not Step.SURVEY:
                return None
            return _with_plan(now.hold, plan)

        await self._write(job, planned)

    async def _start(self, job: Job, hosts: Collection[str]) -> None:
        """Start a job that people agree to, if nothing hinders it and nothing has changed."""
        clear = await self._check(job, hosts)
        if isinstance(clear, Hindrance):
            await self._hinder(job, clear)
            return
        # what another version wrote is asked about anew
        before = plan_of(job) or Plan(job=job.id, command=job.command)
        found_hosts = self._hosts(job)
        if found_hosts is None:
            text = f"this bot does not know /{job.command} as it was asked for"
            await self._hinder(job, Hindrance(text))
            return
        there = set(found_hosts)
        whole = job.hold is not None and job.hold.whole
        meant = there if whole else there & set(before.hosts)
        if not meant:
            await self._hinder(job, Hindrance("none of its servers is there any more", final=True))
            return
        after = before
        silent: frozenset[str] = frozenset()
        if job.hold is not None and job.hold.survey:
            found = await self._survey(job, meant)
            silent = frozenset(host for host, facts in found.items() if facts is None)
            after = make_plan(job.id, job.command, job.arguments, _pinned(before, found))
        elif meant != set(before.hosts):
            facts = {host: SurveyFacts() for host in meant}
            after = make_plan(job.id, job.command, job.arguments, facts)
        if await self._is_blind(job, before, after):
            return
        changed = differences(before, after)
        if changed:
            await self._ask_anew(job, after, tuple(changed))
            return
        # once more: a freeze or a lock may have begun while the servers were asked
        clear = await self._check(job, hosts)
        if isinstance(clear, Hindrance):
            await self._hinder(job, clear)
        else:
            await self._open(job, after, clear, silent)

    async def _is_blind(self, job: Job, before: Plan, after: Plan) -> bool:
        """Return whether servers that answered before cannot say now what would change, for a short
        time only: then it waits, and nobody's vote is lost."""
        was, now = before.by_host, after.by_host
        odd = {
            host: now[host].problem
            for host in sorted(now.keys() & was.keys())
            if now[host].problem and not was[host].problem
        }
        if not odd:
            self._odd_since.pop(job.id, None)
            return False
        since = self._odd_since.setdefault(job.id, self._clock())
        if self._clock() - since >= timedelta(seconds=PATIENCE):
            return False
        host, problem = next(iter(odd.items()))
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        await self._hinder(job, Hindrance(f"{host}{more}: {problem}"))
        return True

    async def _hinder(self, job: Job, hindrance: Hindrance) -> None:
        self._later(job)
        at = self._clock()

        def hindered(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            if now.hold is None or decide(now, at) is not Step.START:
                return None
            hold = now.hold.model_copy(update={"waits": hindrance.text})
            if hindrance.final:
                ended = [close(run, State.REFUSED, hindrance.text, at) for run in held_runs(runs)]
                return HeldChange(hold=hold, runs=tuple(ended))
            return HeldChange(hold=hold) if hold != now.hold else None

        await self._write(job, hindered)

    async def _ask_anew(self, job: Job, plan: Plan, changed: tuple[str, ...]) -> None:
        """Ask people about what is not as they approved it: their votes were about another plan."""
        at = self._clock()

        def asked(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            if now.hold is None or now.plan_digest != job.plan_digest:
                return None
            until = at + (now.hold.until - now.hold.since)  # as long as they had at first
            hold = now.hold.model_copy(
                update={
                    "since": at,
                    "until": until,
                    "changed": changed,
                    "waits": "",
                    "warning": "",
                    "signatures": (),
                }
            )
            held = [replace(run, deadline=until) for run in held_runs(runs)]
            known = {run.host for run in held}
            gone = [
                close(run, State.CANCELLED, GONE, at) for run in held if run.host not in plan.hosts
            ]
            like = held[0]
            new = [
                replace(like, host=host, request=new_id())
                for host in plan.hosts
                if host not in known
            ]
            stay = [run for run in held if run.host in plan.hosts]
            return replace(_with_plan(hold, plan), runs=(*gone, *stay, *new))

        await self._write(job, asked)

    async def _open(self, job: Job, plan: Plan, clear: Clear, silent: Collection[str]) -> None:
        at = self._clock()
        assert job.hold is not None, job.id
        rollout = (await self._rollouts.begin(job.hold, plan.hosts, silent)).rollout

        def open_now(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            if now.hold is None or now.plan_digest != plan_digest(plan):
                return None
            if decide(now, at) is not Step.START:
                return None
            hold = now.hold.model_copy(update={"opened": at, "waits": "", "rollout": rollout})
            held = held_runs(runs)
            some = [run for run in held if run.host not in silent]
            ended = [close(run, State.REFUSED, SILENT, at) for run in held if run.host in silent]
            if rollout is not None:  # its waves begin one after the other
                until = stays_until(at)
                hold = hold.model_copy(update={"since": at, "until": until, "warning": ""})
                stay = [replace(run, deadline=until) for run in some]
                return HeldChange(hold=hold, runs=(*ended, *stay))
            queued, outbox = opened(now, some, plan, clear, at, self._source)
            return HeldChange(hold=hold, runs=(*ended, *queued), outbox=outbox)

        await self._write(job, open_now)

    async def _change(self, job: Job, news: Callable[[Job], Mapping[str, object]]) -> None:
        """Write `news` of what `job` waits for."""

        def changed(now: Job, runs: tuple[RunRecord, ...]) -> HeldChange | None:
            found = news(now)
            if now.hold is None or not found:
                return None
            return HeldChange(hold=now.hold.model_copy(update=dict(found)))

        await self._write(job, changed)

    async def _write(
        self, job: Job, change: Callable[[Job, tuple[RunRecord, ...]], HeldChange | None]
    ) -> None:
        if await self._ledger.change_held(job.id, change, self._clock()):
            self._job_changed(job.id)

    def _later(self, job: Job) -> None:
        self._not_before[job.id] = self._clock() + timedelta(seconds=LOOK_AGAIN)


def _facts(found: Mapping[str, SurveyFacts | None]) -> dict[str, SurveyFacts]:
    return {host: facts or SurveyFacts(problem=SILENT) for host, facts in found.items()}


def _pinned(before: Plan, found: Mapping[str, SurveyFacts | None]) -> dict[str, SurveyFacts]:
    """Return what the servers say now. The commit that was approved stays: where its branch leads
    to by now does not matter."""
    facts = _facts(found)
    for host, said in facts.items():
        was = before.of_host(host)
        if was is not None and was.commit:
            facts[host] = said.model_copy(update={"commit": was.commit, "commits": was.commits})
    return facts


def _with_plan(hold: Hold, plan: Plan) -> HeldChange:
    return HeldChange(hold=hold, plan=plan.model_dump(mode="json"), plan_digest=plan_digest(plan))
