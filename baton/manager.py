"""ConsumerManager: takes what comes for this server, has the right consumer do it, and tells the
observers.

validate -> journal -> acknowledge -> run -> report. What the journal knows already is not started
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from baton.api import bury
from baton.channel import Channel, Delivery, Subscription
from baton.consumer import Consumer, perform
from baton.errors import InvalidMessage, JournalUnavailable, UsageError
from baton.exchanges import DISCOVER, INPUT, agent_queue, host_key
from baton.journal import Entry, Journal
from baton.messages import (
    LAST,
    Cancel,
    Discover,
    Message,
    Pong,
    Request,
    State,
    Update,
    decode,
    now,
)
from baton.observer import Observer
from baton.outcome import duration
from baton.output import OutputExchange
from baton.run import Run
from baton.server import Server

log = structlog.get_logger(__name__)

PREFETCH = 200
MOST_RUNS = 100
"""Runs at a time on one agent; more are refused at once instead of waiting unseen."""


@dataclass(slots=True)
class _Active:
    """A run under way: its task, and how it is to be closed if the task is cancelled."""

    run: Run[Any]
    task: asyncio.Task[None]
    on_cancel: tuple[State, str] = (State.INTERRUPTED, "the agent was stopped")


class ConsumerManager:
    """Binds the inbox of an agent and dispatches what comes to its consumers.

    `discover` is called when a bot asks who is there.
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
        most_runs: int = MOST_RUNS,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.consumers = {consumer.consumer_name: consumer for consumer in consumers}
        self.output = OutputExchange(channel, self._confirmed)
        self._channel = channel
        self._server = server
        self._journal = journal
        self._observers = (self.output, *observers)
        self._discover = discover
        self._most_runs = most_runs
        self._clock = clock
        self._active: dict[tuple[str, int], _Active] = {}
        self._finals: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    @property
    def keys(self) -> Sequence[str]:
        """The routing keys that this agent listens to on the input exchange."""
        bound = {key for consumer in self.consumers.values() for key in consumer.routing_keys}
        return [host_key(self._server.fqdn), DISCOVER, *sorted(bound)]

    async def start(self) -> None:
        """Report what the last life of this agent left open, then take what comes."""
        self.output.start()
        for entry in await self._left_open():
            self._report_left(entry)
        queue = agent_queue(self._server.fqdn)
        await self._channel.declare(queue, [(INPUT, key) for key in self.keys])
        self._subscription = await self._channel.consume(queue, self._received, prefetch=PREFETCH)

    async def drain(self, seconds: float) -> None:
        """Take nothing more; let what runs end within `seconds`; end the rest as `interrupted`."""
        if self._subscription is not None:
            await self._subscription.cancel()
        running = [active.task for active in self._active.values()]
        if running:
            log.info("waiting for runs to end", runs=len(running), seconds=seconds)
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._settled()
        await self.output.flush(5.0)
        await self._settled()
        await self.output.close()

    async def _settled(self) -> None:
        """Return once the journal has what it is to have, or will not take it."""
        await asyncio.sleep(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)

    async def _received(self, delivery: Delivery) -> None:
        try:
            message = decode(delivery.envelope.body)
            if not isinstance(message, Request | Cancel | Discover):
                raise InvalidMessage(reason=f"an agent takes no {message.type}")
        except InvalidMessage as error:
            log.warning("dead-lettered", reason=str(error), key=delivery.key)
            await bury(self._channel, delivery, str(error))
            return
        if isinstance(message, Request):
            await self._take(delivery, message)
        elif isinstance(message, Cancel):
            await self._cancel(delivery, message)
        else:
            await delivery.ack()
            self._discover()

    async def _take(self, delivery: Delivery, request: Request) -> None:
        run = self._run(request)
        refusal = run if isinstance(run, Update) else None
        try:
            known = await self._journal.accept(request, refusal)
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
            self._tell(self._update(request, State.REFUSED, str(error)))
            await delivery.ack()
            return
        # no await between here and the start: what is journaled as new is started now, or never
        if known is not None:
            self._known_already(request, known)
        elif isinstance(run, Update):
            self._report(run)
        else:
            self._begin(run)
        await delivery.ack()

    def _run(self, request: Request) -> Run[Any] | Update:
        """The run of `request`, or the update that refuses it."""
        state, reason = State.REFUSED, ""
        consumer = self.consumers.get(request.command)
        if request.host not in (None, self._server.fqdn):
            reason = f"it is for {request.host}, and this is {self._server.fqdn}"
        elif consumer is None:
            known = ", ".join(sorted(self.consumers))
            reason = f"this agent does not know {request.command}; it knows {known}"
        elif self._clock() > request.deadline:
            late = (self._clock() - request.deadline).total_seconds()
            state, reason = State.EXPIRED, f"it came {duration(late)} after its deadline"
        elif len(self._active) >= self._most_runs:
            reason = f"{self._most_runs} runs are under way here, and that is the most"
        else:
            try:
                command = consumer.command.from_arguments(request.arguments)
            except UsageError as error:
                reason = error.problem
            else:
                return Run(
                    request,
                    command,
                    host=self._server.fqdn,
                    observers=self._observers,
                    attributes=consumer.attributes,
                )
        return self._update(request, state, reason)

    def _begin(self, run: Run[Any]) -> None:
        request = run.request
        work = perform(self.consumers[request.command], run)
        task = asyncio.create_task(work, name=f"{request.command} {request.job}")
        self._active[request.id, request.attempt] = _Active(run, task)
        task.add_done_callback(lambda _: self._ended(run))
        if run.command.changes:
            run.accept()

    def _ended(self, run: Run[Any]) -> None:
        active = self._active.pop((run.request.id, run.request.attempt))
        # a task that is cancelled, even before its first step, closes nothing itself
        run.close(*active.on_cancel)
        assert run.closing is not None
        self._spawn(self._record(run.request, run.closing))

    async def _record(self, request: Request, final: Message) -> None:
        try:
            await self._journal.ended(request.id, request.attempt, final)
        except JournalUnavailable as error:
            # it is still said; after a crash `interrupted` would be said too, too late to count
            log.error("journal unavailable", error=str(error))
        self._report(final)

    async def _cancel(self, delivery: Delivery, cancel: Cancel) -> None:
        try:
            await self._journal.forbid(cancel)
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
        active = self._active.get((cancel.request, cancel.attempt))
        if active is not None and active.run.closing is None:
            who = cancel.requester.name or cancel.requester.id
            active.on_cancel = (State.CANCELLED, f"cancelled by {who}")
            active.task.cancel()
        await delivery.ack()

    async def _left_open(self) -> Sequence[Entry]:
        try:
            return await self._journal.open_entries()
        except JournalUnavailable as error:
            log.error("journal unavailable", error=str(error))
            return ()

    def _report_left(self, entry: Entry) -> None:
        if entry.final is not None:
            self._report(entry.final)
        elif entry.request is not None:
            text = "the agent was restarted while it ran; look at the server before trying again"
            update = self._update(entry.request, State.INTERRUPTED, text, sequence=LAST)
            self._spawn(self._record(entry.request, update))

    def _known_already(self, request: Request, known: Entry) -> None:
        if known.cancelled:
            self._tell(self._update(request, State.CANCELLED, "it was cancelled before it came"))
        elif known.final is not None:
            self._tell(known.final)

    def _report(self, final: Message) -> None:
        """Send a final word that the journal holds, and have it struck off there once the bus has
        it."""
        self._finals.add(final.id)
        self._tell(final)

    def _tell(self, message: Message) -> None:
        for observer in self._observers:
            observer.notify(message)

    def _confirmed(self, message: Message) -> None:
        if message.id in self._finals and isinstance(message, Update | Pong):
            self._finals.discard(message.id)
            self._spawn(self._strike(message))

    async def _strike(self, message: Update | Pong) -> None:
        await self._journal.reported(message.request, message.attempt)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("not written in the journal", error=str(error))

    def _update(self, request: Request, state: State, text: str, sequence: int = 1) -> Update:
        return Update(
            source=self._server.fqdn,
            job=request.job,
            request=request.id,
            attempt=request.attempt,
            host=self._server.fqdn,
            environment=self._server.environment,
            command=request.command,
            sequence=sequence,
            state=state,
            level="error",
            text=text,
        )
