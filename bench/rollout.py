"""Rollouts: what it costs to look at one, and to open a wave, with more and more servers; and what
jobs cost that wait for people, with more and more of them.

Each fleet goes in waves of 10 %, through a ledger on SQLite: read the job and its runs, read how
healthy the servers are, decide, and write the wave with its requests in one transaction. Beside it
the same without the database: the decision alone. A look is what the leader does twice a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from baton.bus.messages import Person, State, Update, now
from baton.bus.plans import SurveyFacts, make_plan, plan_digest
from bench import harness
from bench.harness import Options, median
from bot.holds import Approvals, Clear, Hold
from bot.job_rollouts import rollout_of
from bot.jobs import AuditEntry, Job, NewJob, Place, RunRecord
from bot.outbox.holding import HeldJobs
from bot.outbox.rollouts import Rollouts
from bot.rollout.decide import Open, decide
from bot.rollout.settings import RolloutSettings
from bot.rollout.state import RolloutState
from bot.rollout.values import Reading
from bot.rollout.waves import assign
from bot.store import Store

TARGET = 200.0
"""Milliseconds in which a wave of 1,000 servers is decided and opened."""
ANN, OPS = Person(id="U_ANN", name="ann"), Place("slack", "C_OPS")
SETTINGS = RolloutSettings.model_validate({"wave": "10%", "healthy_for": "1s"})


async def _clear(job: Job, hosts: Collection[str]) -> Clear:
    return Clear()


async def _well(hosts: Collection[str]) -> Mapping[str, Reading]:
    return {host: Reading(now() + timedelta(minutes=1)) for host in hosts}


async def _none(job: Job, hosts: Sequence[str], why: str) -> Job:
    raise AssertionError("nothing is taken back")


def _job(servers: int, name: str = "j", *, waits: bool = False) -> NewJob:
    """Return a rollout that has been agreed to, and has opened no wave; or one that `waits` to be
    approved."""
    hosts, at = [f"web-{number:05}.example.com" for number in range(servers)], now()
    until = at + timedelta(days=1)
    state = RolloutState(settings=SETTINGS, waves=assign(hosts, SETTINGS))
    facts = SurveyFacts(commit="5e6f7a8b" * 5, live="v1 (1a2b3c4d)", settings="sha256:" + "0" * 64)
    plan = make_plan(f"{name}{servers}", "ship", {}, dict.fromkeys(hosts, facts))
    job = Job(
        id=f"{name}{servers}",
        key=f"{name}{servers}",
        command="ship",
        arguments={},
        title="ship shop prod",
        environment="prod",
        app="shop",
        asked_by=ANN,
        place=OPS,
        asked=at,
        hold=Hold(
            since=at,
            until=until,
            opened=None if waits else at,
            approvals=(Approvals(need=1),) if waits else (),
            rollout=state,
        ),
        plan=plan.model_dump(mode="json"),
        plan_digest=plan_digest(plan),
    )
    runs = tuple(
        RunRecord(job.id, host, f"{name}{servers}-{host}", 1, until, 900.0, State.HELD)
        for host in hosts
    )
    return NewJob(job, runs, ())


def _ended(runs: Collection[RunRecord]) -> list[Update]:
    return [
        Update(
            job=run.job,
            request=run.request,
            host=run.host,
            environment="prod",
            command="ship",
            sequence=1,
            state=State.SUCCEEDED,
            text="done",
        )
        for run in runs
        if run.state is State.QUEUED
    ]


async def _nobody(job: Job, hosts: Collection[str]) -> dict[str, SurveyFacts | None]:
    raise AssertionError("nothing is asked of servers")


class Leader:
    """Looks after the jobs of `store`."""

    def __init__(self, store: Store) -> None:
        self._ledger = store.ledger
        waves = Rollouts(store.ledger, _clear, _well, _none, _later, source="bench", clock=_later)
        self._held = HeldJobs(
            store.ledger,
            _clear,
            _nobody,
            lambda job: None,
            waves,
            lambda job: None,
            source="bench",
            poll=1.0,
            clock=_later,
        )

    async def look(self) -> float:
        """Return the milliseconds of one look, and of what it begins."""
        start = time.perf_counter()
        await self._held.round()
        while busy := self._held._busy:
            await asyncio.wait(list(busy.values()))
        return 1e3 * (time.perf_counter() - start)


async def _fleet(store: Store, servers: int) -> tuple[float, float, float]:
    """Return the milliseconds of opening a wave, of looking while nothing is to be done, and of the
    decision alone, each the median of all waves."""
    new, leader = _job(servers), Leader(store)
    await _begin(store, new)
    opening: list[float] = []
    looking: list[float] = []
    deciding: list[float] = []
    while new.job.id in await store.ledger.held():
        job, runs = await _found(store, new.job.id)
        start = time.process_time()
        decision = decide(rollout_of(job, runs), _later())
        deciding.append(1e3 * (time.process_time() - start))
        took = await leader.look()
        if isinstance(decision, Open):
            opening.append(took)
            await leader.look()  # reads what it has just written
            looking.append(await leader.look())
        await store.ledger.apply_updates(_ended((await _found(store, new.job.id))[1]), now())
    return median(opening), median(looking), median(deciding)


async def _waiting(store: Store, jobs: int, servers: int) -> float:
    """Return the milliseconds of a look at so many jobs that wait for approval."""
    for number in range(jobs):
        await _begin(store, _job(servers, f"w{number}", waits=True))
    leader = Leader(store)
    await leader.look()
    return median([await leader.look() for _ in range(10)])


async def _begin(store: Store, new: NewJob) -> None:
    entry = AuditEntry(new.job.asked, ANN, OPS, new.job.title, "allowed", job=new.job.id)
    await store.ledger.start_job(new, entry)


async def _found(store: Store, id: str) -> tuple[Job, tuple[RunRecord, ...]]:
    found = await store.ledger.job(id)
    assert found is not None
    return found


def _later() -> datetime:
    """Return a moment at which what has ended was healthy for long enough."""
    return now() + timedelta(seconds=2)


async def main(options: Options) -> None:
    """Measure fleets of more and more servers."""
    sizes = (10, 50) if options.quick else (10, 100, 1_000, 5_000)
    rows = []
    with harness.folder() as folder:
        store = await Store.open(f"sqlite:///{folder / 'bench.db'}")
        try:
            for servers in sizes:
                opening, looking, deciding = await _fleet(store, servers)
                rows.append([servers, f"{opening:.1f}", f"{looking:.1f}", f"{deciding:.2f}"])
                if servers in (50, 1_000):
                    what = f"a wave of {servers} servers decided and opened"
                    harness.verdict(what, opening, TARGET, unit=" ms")
        finally:
            await store.close()
    counts = (1, 5) if options.quick else (1, 10, 50)
    waiting = []
    for jobs in counts:
        with harness.folder() as folder:
            store = await Store.open(f"sqlite:///{folder / 'bench.db'}")
            try:
                waiting.append([jobs, f"{await _waiting(store, jobs, sizes[-2]):.1f}"])
            finally:
                await store.close()
    heads = ["servers", "open a wave ms", "look, nothing to do ms", "decide alone, CPU ms"]
    harness.table(heads, rows)
    harness.table([f"jobs of {sizes[-2]} servers that wait for people", "look ms"], waiting)


if __name__ == "__main__":
    harness.run(main, __doc__)
