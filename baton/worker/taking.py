"""Taking: how a worker makes a job of a shared queue its own, and starts it at most once.

The journal of a worker proves nothing to the others, so the broker must. The normal way:

    journal `taken` -> acknowledge -> fence -> journal `started` -> run

The fence is a call on the AMQP channel of the acknowledgement. RabbitMQ handles what comes on a
channel in order, so when it answers, its channel process has passed the acknowledgement to the
queue: the process of a classic queue, the leader's log of a quorum queue. The news that our channel
is gone, for which a queue hands messages out again, comes from the same process and so after it. So
when we die after the fence, nobody else gets the job. When we die before it, another worker may get
it, marked as `redelivered` (a queue marks whatever it had handed out). The contested way, for what
is redelivered, and where the fence was not answered or we died before `started`:

    journal `taken` -> claim -> acknowledge -> journal `started` -> run

A claim has one holder for good; who loses it forgets the job. Both ways cannot start the same job:
another worker sees it only if our fence was not answered, and then we claim too.

What this does not cover is a broker that loses what it had answered: a classic queue writes
acknowledgements to disk late, so after a crash of RabbitMQ itself (not of a worker, nor of a
connection) it may hand out a job again that has been started. Quorum queues write them within
milliseconds, and mark what they hand out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from baton.agent.final_reports import Reports
from baton.agent.manager import MAX_UNREAD
from baton.agent.trust.trust import Trust
from baton.agent.verdicts import STOPPED, Verdict
from baton.bus.channel import Channel, Delivery
from baton.bus.messages import ENDS_WITHIN, NEXT_LOOK, State, new_id, now
from baton.errors import Disconnected, JournalUnavailable
from baton.observer import Observer
from baton.timing.waiting import wait_at_most
from baton.worker.active import Active, Served
from baton.worker.allowing import WorkerAllowance, WorkerAllowTable
from baton.worker.believing import check_build, doubt_of
from baton.worker.claims import Claims
from baton.worker.ends import Ends
from baton.worker.incoming import Incoming, Key, read, read_parts
from baton.worker.journal import Entry, Stage, WorkJournal
from baton.worker.parking import QUEUED, Parking, given_up, said_of, tier_of
from baton.worker.performing import (
    LOST_BY_JOURNAL,
    NOT_SERVED,
    WORKER_RESTARTED,
    Waits,
    perform,
    planned,
    run_of,
)
from baton.worker.pybit.status import Status, StatusReports
from baton.worker.slots import Slot
from baton.worker.work import Work

log = structlog.get_logger(__name__)

JOURNAL_RETRY = 5.0
"""Seconds until a worker whose journal cannot be written is handed jobs again."""
STOP_TIMEOUT = 15.0
"""Seconds that a draining worker waits for cancelled jobs to clean up."""


class Taking:
    """It takes the jobs of `queues`, each with its runner, as the worker `name`, and does them."""

    def __init__(
        self,
        channel: Channel,
        journal: WorkJournal,
        queues: Mapping[str, Served],
        *,
        name: str,
        environment: str,
        output: Observer,
        reports: Reports,
        status: StatusReports,
        trust: Trust | None = None,
        allowance: WorkerAllowance | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._journal = journal
        self._queues = queues
        self._name = name
        self._environment = environment
        self._reports = reports
        self._status = status
        self._trust = trust or Trust()
        self._allowance = allowance or WorkerAllowance(WorkerAllowTable())
        self._clock = clock
        self._ends = Ends(journal, name=name, output=output, reports=reports, status=status)
        self._stopping = asyncio.Event()
        self._claims = Claims(channel, journal, self._stopping)
        self._active: dict[Key, Active] = {}
        self.parking = Parking(channel, journal, self._stopping.is_set, clock)

    @property
    def active(self) -> Mapping[Key, Active]:
        """Return the jobs that are here."""
        return self._active

    async def received(self, queue: str, delivery: Delivery) -> None:
        """Take what arrived on `queue`, and do it. Raises InvalidMessage if it is no job."""
        served = self._queues[queue]
        job = read(delivery.envelope, queue, served.runner.name, self._environment)
        check_build(
            job,
            served.foreign,
            self._trust,
            self._clock(),
            self._journal.forgotten,
            served.runner.settings,
        )
        arrived = asyncio.get_running_loop().time()
        while (active := self._active.get(job.key)) is not None:
            if active.job.look < job.look:
                await active.over.wait()  # it is still being parked
            elif _is_another(job, delivery):
                job = _renamed(job)
            else:
                await delivery.ack()
                return
        slot = await served.slots.enter()
        if slot is None:
            await delivery.reject(requeue=True)
            return
        try:
            await self._held(job, lambda active: self._take(active, delivery, slot, arrived))
        finally:
            slot.leave()

    async def go_on(self, entry: Entry) -> None:
        """Bring to its end what an earlier life of this worker left open."""
        if (closing := entry.closing) is not None:
            self._reports.report(closing)
            return
        if (served := self._queues.get(entry.queue)) is None:
            await self._leave(entry)
            return
        job = self._job_of(entry, served.runner.name)
        await self._held(job, lambda active: self._resume(active, entry, served))

    async def _leave(self, entry: Entry) -> None:
        """End a job of a queue that is not served here any more, unless another worker has it."""
        job = self._job_of(entry, "")
        if entry.stage is not Stage.TAKEN or await self._claims.claim(job):
            log.error("a job of a queue that is not served here any more", queue=entry.queue)
            await self._ends.close(
                job, WORKER_RESTARTED if entry.stage is Stage.STARTED else NOT_SERVED
            )

    async def cancel_entry(self, entry: Entry, verdict: Verdict) -> None:
        """End a job that is parked, as the journal has it."""
        served = self._queues.get(entry.queue)
        if served is not None:
            since = self._clock().timestamp() - entry.accepted
            await self._cancel_parked(self._job_of(entry, served.runner.name), since, verdict)

    def _job_of(self, entry: Entry, runner: str) -> Incoming:
        job = read_parts(
            entry.body or b"",
            entry.content_type,
            entry.headers,
            entry.id,
            entry.queue,
            runner,
            self._environment,
        )
        return replace(job, id=entry.id, attempt=entry.attempt, look=entry.look)

    async def drain(self, seconds: float) -> None:
        """Let what runs end within `seconds`; end the rest as `interrupted`."""
        self._stopping.set()
        for active in list(self._active.values()):
            if active.waiting:
                active.end(STOPPED)
        if running := {active.task for active in self._active.values()}:
            log.info("waiting for jobs to end", jobs=len(running), seconds=seconds)
            await asyncio.wait(running, timeout=seconds)
        for active in list(self._active.values()):
            active.end(STOPPED)
        if late := {active.task for active in self._active.values()}:
            await asyncio.wait(late, timeout=STOP_TIMEOUT)

    async def _held(self, job: Incoming, work: Callable[[Active], Awaitable[None]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        active = self._active[job.key] = Active(job, task)
        try:
            await work(active)
        finally:
            active.over.set()
            if self._active.get(active.job.key) is active:
                del self._active[active.job.key]

    async def _resume(self, active: Active, entry: Entry, served: Served) -> None:
        job = active.job
        if entry.stage is Stage.PARKING:
            ended = await self.parking.go_on(job, entry.accepted)
            if ended is not None:
                await self._ends.close(job, ended)
            return
        started = entry.stage is Stage.STARTED
        if started:
            log.warning("interrupted by a restart", job=job.job, runner=served.runner.name)
        if started and (job.ours or job.attempt > served.runner.settings.retry):
            await self._ends.close(job, WORKER_RESTARTED)
            return
        slot = await self._slot(active, served)
        try:
            if active.asked is STOPPED:
                return  # its next life goes on
            if started and active.asked is None:
                again = await self._journal.again(job, job.attempt + 1)
                await self._held(again, lambda later: self._begin(later, served))
            elif started:
                await self._ends.close(job, active.asked or WORKER_RESTARTED)
            elif await self._claims.claim(job):
                await self._begin(active, served)
        finally:
            if slot is not None:
                slot.leave()

    async def _slot(self, active: Active, served: Served) -> Slot | None:
        """Return a slot for what an earlier life left; None if it is asked to end before."""
        active.waiting = True
        try:
            return await served.slots.enter_left()
        except asyncio.CancelledError:
            if active.asked is None:
                raise
            active.task.uncancel()
            return None
        finally:
            active.waiting = False

    async def _take(self, active: Active, delivery: Delivery, slot: Slot, arrived: float) -> None:
        """Make the job that was delivered ours, and begin it."""
        served = self._queues[active.job.queue]
        try:
            known = await self._journal.take(active.job)
            while known is not None and self._is_new(active, known, delivery):
                known = await self._journal.take(active.job)
        except JournalUnavailable as error:
            log.error("journal unavailable: the job is given back", error=str(error))
            await served.slots.rest(JOURNAL_RETRY)
            await delivery.reject(requeue=True)
            return
        if known is not None:
            await slot.settle()
            await delivery.ack()
            self._ends.tell_known(active.job, known)
        elif await self._secured(active.job, delivery, slot):
            waited = asyncio.get_running_loop().time() - arrived
            expires = None if waited > MAX_UNREAD else delivery.envelope.expires
            await self._begin(active, served, expires)

    def _is_new(self, active: Active, known: Entry, delivery: Delivery) -> bool:
        """Return whether the message is not the one that is `known`, but one that somebody sent
        with the same bytes: then it has a name of its own from now on."""
        if known.stage is Stage.CANCELLED or not _is_another(active.job, delivery):
            return False
        job = _renamed(active.job)
        del self._active[active.job.key]
        active.job = job
        self._active[job.key] = active
        return True

    async def _secured(self, job: Incoming, delivery: Delivery, slot: Slot) -> bool:
        """Acknowledge the job; return whether it is certainly ours."""
        await slot.settle()
        contested = delivery.redelivered
        if not contested:
            try:
                await delivery.ack_and_fence()
                if not job.look:
                    return True
                contested = await self._claims.is_claimed(job)  # it may be revoked
            except Disconnected:
                contested = True
        if not contested:
            return True
        ours = await self._claims.claim(job)
        if ours or not self._stopping.is_set():
            await delivery.ack()
        else:  # whose it is was not found out: another worker may be the one that stays
            await delivery.reject(requeue=True)
        return ours

    async def _begin(self, active: Active, served: Served, expires: float | None = None) -> None:
        """Start the job, which is ours, unless it is not to be."""
        job = active.job
        settings, forgotten = served.runner.settings, self._journal.forgotten
        doubt = doubt_of(job, self._trust, expires, forgotten, settings)
        doubt = doubt or self._allowance.forbidden(job, served.runner.name)
        work = planned(job, served.runner, self._environment, expires, self._clock(), doubt)
        verdict = active.asked or (work if isinstance(work, Verdict) else None)
        while verdict is None:
            try:
                if await self._journal.start(job):
                    break
                verdict = LOST_BY_JOURNAL
            except JournalUnavailable as error:
                log.error("journal unavailable: the job waits", error=str(error), job=job.job)
                if await wait_at_most(JOURNAL_RETRY, self._stopping.wait()):
                    return
                verdict = active.asked
        if verdict is not None:
            await self._ends.close(job, verdict)
        elif isinstance(work, Work):
            await self._perform(active, served, work)

    async def _perform(self, active: Active, served: Served, work: Work) -> None:
        job, runner = active.job, served.runner
        run = run_of(job, self._name, self._ends.observers(job))
        limit, begun = runner.settings.timeout, self._clock().timestamp()
        since = job.since or begun
        if job.build is not None:
            self._status.report(job.build, Status.BUILDING)
            job.build.stamp_request()  # as rbit did: runners ask for the stamp
        elif job.look:
            run.accept(**{ENDS_WITHIN: begun - since + limit})
        else:
            run.accept(**({ENDS_WITHIN: limit} if limit != job.request.timeout else {}))
        active.running = True
        found = await perform(runner, work, run, lambda: active.asked)
        active.running = False
        if not isinstance(found, Waits):
            retries = not job.ours and job.attempt <= runner.settings.retry
            if active.asked is not STOPPED or not retries:  # else its next life starts it again
                await self._ends.record(job, found)
            return
        look = job.look + 1
        if look > runner.settings.looks:
            await self._ends.close(
                replace(job, sequence=run.sequence), given_up(found.reason, look)
            )
            return
        seconds = self._clock().timestamp() - since + tier_of(look).seconds + limit + QUEUED
        facts: dict[str, Any] = {ENDS_WITHIN: seconds, NEXT_LOOK: tier_of(look).seconds}
        run.notify_info(said_of(found.reason, look), **facts)
        if job.build is not None:
            self._status.report(job.build, Status.BLOCKED)
        await self._park(active, job.parked(look, run.sequence, since))

    async def _park(self, active: Active, parked: Incoming) -> None:
        try:
            ended = await self.parking.park(parked)
        except JournalUnavailable as error:
            ended = Verdict(State.BLOCKED, f"it could not be parked: {error}")
        if ended is None and active.asked is not None and not self._stopping.is_set():
            await self._cancel_parked(parked, 0.0, active.asked)
        elif ended is not None:
            await self._ends.close(parked, ended)

    async def _cancel_parked(self, parked: Incoming, since: float, verdict: Verdict) -> None:
        """End the job, which was parked `since` seconds ago, unless a worker may look at it: that
        one is asked too."""
        if await self.parking.revoked(parked, since):
            await self._ends.close(parked, verdict)


def _is_another(job: Incoming, delivery: Delivery) -> bool:
    """Return whether the message that was delivered is another one than what is known by its name.

    That of a stranger's message is made of its bytes, which somebody may send twice. What `baton
    push` sends has an id in them: the same bytes are a copy.
    """
    stranger = job.build is not None and not job.build.pushed
    return stranger and not job.look and not delivery.redelivered


def _renamed(job: Incoming) -> Incoming:
    # at random: a number would be looked for among all that came before
    return replace(job, id="'".join((job.id.partition("'")[0], new_id())))
