"""The consumer manager takes what arrives for this server, and has the right consumer do it.

validate -> journal -> acknowledge -> run -> report. What the journal already knows is not started
again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from baton.agent.final_reports import FinalReports
from baton.agent.journal import Entry, Journal
from baton.agent.output import OutputExchange
from baton.agent.perform import perform
from baton.agent.stall_detector import StallDetector
from baton.agent.trust.allowance import Allowance
from baton.agent.trust.trust import Trust
from baton.agent.verdicts import (
    CANCELLED_BEFORE,
    STOPPED,
    Verdict,
    closing_update,
    lateness,
    refusal,
)
from baton.bus.api import dead_letter
from baton.bus.channel import Channel, Delivery
from baton.bus.exchanges import DISCOVER, INPUT, agent_queue, host_key
from baton.bus.messages import (
    ENDS_WITHIN,
    Cancel,
    Discover,
    Message,
    Probe,
    Request,
    State,
    Survey,
    decode,
    now,
)
from baton.bus.queue_consumer import QueueConsumer
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.consumer import Consumer
from baton.errors import InvalidMessage, JournalUnavailable, NotBelieved, UsageError
from baton.observer import Observer
from baton.run import Run
from baton.server import Server

log = structlog.get_logger(__name__)

PREFETCH = 200
MAX_RUNS = 100
"""Runs at a time on one agent; more are refused at once instead of waiting unseen."""

FLUSH_TIMEOUT = 5.0
"""How long a draining agent waits for its final reports to be on the bus, in seconds."""
STOP_TIMEOUT = 15.0
"""How long a draining agent waits for cancelled runs to clean up, in seconds; what takes longer is
found in the journal and reported at the next start."""
CATCH_UP_INTERVAL = 5.0
"""How often a journal that cannot be read at the start is tried again, in seconds."""

MAX_UNREAD = 10.0
"""Seconds for which a request may lie unread here. What was handed out in time is begun at most so
long after its deadline, and the ledger calls nothing expired before GRACE (15 s) after it."""

Key = tuple[str, int]


@dataclass(slots=True)
class _ActiveRun:
    """An active run is about to start or in progress; `asked` is how it was asked to end, if it
    was."""

    run: Run[Any]
    task: asyncio.Task[Any]
    asked: Verdict | None = None
    begun: bool = False

    def end(self, verdict: Verdict) -> None:
        """Ask it to end; one that is already ending is left alone."""
        if self.run.closing is None and self.asked is None:
            self.asked = verdict
            if self.begun:
                self.task.cancel()


class ConsumerManager:
    """The manager binds the inbox of an agent and dispatches what arrives to its consumers.

    `discover` is called when a bot asks which agents there are, `probe` with each probe and
    `survey` with each survey for this agent; without one it takes none. `trust` decides which
    orders are believed, `allowance` which of those are taken; `signer` signs what runs report.
    """

    def __init__(
        self,
        channel: Channel,
        server: Server,
        consumers: Iterable[Consumer[Any]],
        journal: Journal,
        *,
        observers: tuple[Observer, ...] = (),
        discover: Callable[[], None] = lambda: None,
        probe: Callable[[Probe], None] | None = None,
        survey: Callable[[Survey], None] | None = None,
        most_runs: int = MAX_RUNS,
        clock: Callable[[], datetime] = now,
        stalls: StallDetector | None = None,
        trust: Trust | None = None,
        allowance: Allowance | None = None,
        signer: Signer = UNSIGNED,
    ) -> None:
        self.consumers = {consumer.consumer_name: consumer for consumer in consumers}
        self._final_reports = FinalReports(journal, server, self._notify)
        self.output = OutputExchange(channel, self._final_reports.confirmed, signer)
        self._channel = channel
        self._server = server
        self._journal = journal
        self._observers = (self.output, *observers)
        self._discover = discover
        self._probe = probe
        self._survey = survey
        self._most_runs = most_runs
        self._clock = clock
        self._stalls = stalls or StallDetector()
        self._trust = trust or Trust()
        self._allowance = allowance or Allowance()
        self._put_back: set[Key] = set()
        self._active: dict[Key, _ActiveRun] = {}
        self._inbox = QueueConsumer(channel)
        self._catching_up: asyncio.Task[None] | None = None
        self._draining = False

    @property
    def keys(self) -> Sequence[str]:
        """Return the routing keys that this agent is bound to on the input exchange."""
        return input_keys(self._server, self.consumers.values())

    @property
    def idle(self) -> bool:
        """Return whether nothing runs."""
        return not self._active

    async def start(self) -> None:
        """Report what the last life of this agent left open, then take what arrives."""
        self.output.start()
        self._stalls.start()
        try:
            await self._final_reports.catch_up()
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
            self._catching_up = asyncio.create_task(self._keep_catching_up(), name="catching up")
        bindings = [(INPUT, key) for key in self.keys]
        queue = agent_queue(self._server.fqdn)
        await self._inbox.consume(queue, bindings, self._received, prefetch=PREFETCH)

    async def drain(self, seconds: float) -> None:
        """Take nothing more; let runs end within `seconds`; end the rest as `interrupted`."""
        self._draining = True
        await self._inbox.stop()
        if self._catching_up is not None:
            self._catching_up.cancel()
        if running := {active.task for active in self._active.values()}:
            log.info("waiting for runs to end", runs=len(running), seconds=seconds)
            await asyncio.wait(running, timeout=seconds)
        for active in list(self._active.values()):
            active.end(STOPPED)
        if late := {active.task for active in self._active.values()}:
            await asyncio.wait(late, timeout=STOP_TIMEOUT)
        self._stalls.stop()
        await self.output.flush(FLUSH_TIMEOUT)
        await self.output.close()

    async def _keep_catching_up(self) -> None:
        while not self._final_reports.caught_up:
            await asyncio.sleep(CATCH_UP_INTERVAL)
            with contextlib.suppress(JournalUnavailable):  # said at the start, and to who asks
                await self._final_reports.catch_up()

    async def _received(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Request | Cancel | Discover | Probe | Survey):
                raise InvalidMessage(reason=f"an agent does not use {message.type}")
            if isinstance(message, Probe) and self._probe is None:
                raise InvalidMessage(reason="this agent runs no probes")
            if isinstance(message, Survey) and self._survey is None:
                raise InvalidMessage(reason="this agent answers no surveys")
            doubt = self._trust.doubt(message, delivery.envelope)
            if doubt and isinstance(message, Cancel | Probe | Survey):
                raise NotBelieved(type=message.type, reason=doubt)
        except InvalidMessage as error:
            log.warning("message moved to the dead letters", reason=str(error), key=delivery.key)
            await dead_letter(self._channel, delivery, str(error))
            return
        if self._draining:
            await delivery.reject(requeue=True)  # for the next life of this agent
        elif isinstance(message, Request) and self._is_stale(delivery, message):
            await delivery.reject(requeue=True)  # the bus knows whether it still counts
        elif isinstance(message, Request):
            await self._handle_request(delivery, message, doubt)
        elif isinstance(message, Cancel):
            await self._handle_cancel(delivery, message)
        else:
            await delivery.ack()
            if isinstance(message, Discover):
                self._discovered(doubt)
            elif isinstance(message, Survey):
                if self._survey is not None:
                    self._survey(message)
            elif self._probe is not None:
                self._probe(message)

    def _discovered(self, doubt: str) -> None:
        if doubt:  # a question, which nobody needs to send again
            log.warning("nothing was answered to whoever asks for agents", reason=doubt)
            return
        self._discover()

    def _is_stale(self, delivery: Delivery, request: Request) -> bool:
        """Return whether the message arrived while this agent was stalled, at an unknown time.

        Then it is requeued, once: RabbitMQ has counted its time, and delivers it again or not.
        """
        expires, still = delivery.envelope.expires, self._stalls.seconds
        if not still:
            self._put_back.clear()
        key = (request.id, request.attempt)
        if expires is None or still <= min(expires, MAX_UNREAD) or key in self._put_back:
            return False
        log.warning(
            "requeued: it waited unread while the agent was stalled",
            job=request.job,
            stalled_seconds=f"{still:.1f}",
        )
        self._put_back.add(key)
        return True

    async def _handle_request(self, delivery: Delivery, request: Request, doubt: str) -> None:
        key = (request.id, request.attempt)
        if key in self._active:
            await delivery.ack()
            return
        run = self._plan(request, delivery.envelope.expires, doubt)
        active: _ActiveRun | None = None
        if isinstance(run, Run):
            task = asyncio.current_task()
            assert task is not None
            active = self._active[key] = _ActiveRun(run, task)  # it counts from here on
        try:
            if await self._accept(request, run):
                await delivery.ack()
                if active is not None:
                    await self._perform(active)
            else:
                await delivery.ack()
        finally:
            if active is not None:
                del self._active[key]

    async def _accept(self, request: Request, run: Run[Any] | Verdict) -> bool:
        """Write `request` in the journal, with `run` or why there is none.

        Returns whether it is new, was not refused, and must start.
        """
        try:
            if not self._final_reports.caught_up:
                await self._final_reports.catch_up()
            refused = run if isinstance(run, Verdict) else await self._not_now(request, run)
            final = None if refused is None else closing_update(request, self._server, refused)
            known = await self._journal.accept(request, final)
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
            self._notify(closing_update(request, self._server, Verdict(State.REFUSED, str(error))))
            return False
        if known is not None:
            self._report_known(request, known)
            return False
        if final is not None:
            self._final_reports.report(final)
            return False
        return True

    async def _fenced_off(self, request: Request) -> Verdict | None:
        """Return why `request` comes too late: somebody else has had the lock since. None if nobody
        has. Raises JournalUnavailable."""
        if request.fence is None:
            return None
        app = request.arguments.get("app")
        about = app if isinstance(app, str) else ""
        last = await self._journal.raise_fence(request.environment, about, request.fence)
        if last <= request.fence:
            return None
        return Verdict(
            State.REFUSED,
            f"this {request.command} was asked under lock {request.fence}; lock {last} came after",
        )

    async def _not_now(self, request: Request, run: Run[Any]) -> Verdict | None:
        """Return why `request` does not start by what the journal says; None if it may."""
        if old := self._trust.forgotten(request, self._journal.forgotten):
            return self._disbelieved(old)
        if (fenced := await self._fenced_off(request)) is not None:
            return fenced
        host, at = self._server.fqdn, self._clock()
        short = await self._allowance.unapproved(request, run.command, host, self._journal, at)
        return Verdict(State.REFUSED, short) if short else None

    def _disbelieved(self, doubt: str) -> Verdict:
        return Verdict(State.REFUSED, f"{self._server.fqdn} does not take this request: {doubt}")

    def _plan(self, request: Request, expires: float | None, doubt: str) -> Run[Any] | Verdict:
        """Return the run of `request`, or why there is none. `expires` as in Envelope; `doubt` is
        why it is not believed, if it is not."""
        if doubt:
            return self._disbelieved(doubt)
        late = lateness(request.deadline, expires=expires, at=self._clock())
        refused = refusal(
            request,
            server=self._server,
            known=self.consumers.keys(),
            under_way=len(self._active),
            most=self._most_runs,
            late=late,
        )
        if refused is not None:
            return refused
        consumer = self.consumers[request.command]
        try:
            command = consumer.command.from_arguments(request.arguments)
        except UsageError as error:
            return Verdict(State.REFUSED, error.problem)
        if self._trust.insists and request.host is None and command.changes:
            return self._disbelieved("it names no server, and only what changes nothing may do so")
        if forbidden := self._allowance.forbidden(request, command):
            return Verdict(State.REFUSED, forbidden)
        return Run(
            request,
            command,
            host=self._server.fqdn,
            observers=self._observers,
            attributes=consumer.attributes,
        )

    async def _perform(self, active: _ActiveRun) -> None:
        """Have the consumer do it, in this task, and record how it ended."""
        run, active.begun = active.run, True
        consumer = self.consumers[run.request.command]
        limit = consumer.time_limit(run)
        ends_within = limit.seconds + limit.rollback
        if ends_within != run.request.timeout:
            run.accept(**{ENDS_WITHIN: ends_within})
        elif run.command.changes:
            run.accept()
        final = await perform(consumer, run, asked=lambda: active.asked)
        await self._final_reports.record(run.request, final)

    async def _handle_cancel(self, delivery: Delivery, cancel: Cancel) -> None:
        if cancel.host != self._server.fqdn:
            log.warning("ignored a cancel for another server", host=cancel.host, job=cancel.job)
            await delivery.ack()
            return
        known: Entry | None = None
        try:
            known = await self._journal.record_cancel(cancel)
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
        active = self._active.get((cancel.request, cancel.attempt))
        if active is not None:
            who = cancel.requester.label
            active.end(Verdict(State.CANCELLED, f"cancelled by {who}"))
        elif known is not None and known.final is not None:
            self._notify(known.final)  # whoever cancels has not heard it
        await delivery.ack()

    def _report_known(self, request: Request, known: Entry) -> None:
        if known.cancelled:
            self._notify(closing_update(request, self._server, CANCELLED_BEFORE))
        elif known.final is not None:
            self._notify(known.final)

    def _notify(self, message: Message) -> None:
        for observer in self._observers:
            observer.notify(message)


def input_keys(server: Server, consumers: Iterable[Consumer[Any]]) -> list[str]:
    """Return the routing keys on the input exchange that the agent of `server` is bound to."""
    bound = {key for consumer in consumers for key in consumer.routing_keys}
    return [host_key(server.fqdn), DISCOVER, *sorted(bound)]
