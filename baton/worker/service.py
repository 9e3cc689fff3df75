"""The life of a worker: connect, bring to its end what was left, take jobs, drain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
from pydantic import ValidationError

from baton.agent.final_reports import Reports
from baton.agent.heartbeats import Heartbeats
from baton.agent.manager import CATCH_UP_INTERVAL, FLUSH_TIMEOUT
from baton.agent.output import OutputExchange
from baton.agent.trust.trust import Trust
from baton.bus.api import guard
from baton.bus.channel import Channel, Subscription
from baton.bus.connect import connect
from baton.bus.exchanges import (
    DEAD_BINDINGS,
    DEAD_QUEUE,
    TIERS,
    Queue,
    agent_queue,
    foreign_queue,
    work_bindings,
    work_queue,
)
from baton.bus.facts import Facts
from baton.bus.lifetime import Lifetime
from baton.bus.messages import Message
from baton.bus.signing.signer import UNSIGNED, Signer, signer_of
from baton.errors import BusRefused, Disconnected, JournalUnavailable, SettingsError
from baton.fields import meaning
from baton.worker.active import Served
from baton.worker.allowing import WorkerAllowance
from baton.worker.inbox import Inbox
from baton.worker.journal import Entry, WorkJournal
from baton.worker.performing import Runner
from baton.worker.pybit.status import StatusReports
from baton.worker.settings import WorkerSettings
from baton.worker.slots import Slots
from baton.worker.taking import Taking

log = structlog.get_logger(__name__)

INBOX_FIRST = 5.0
"""Seconds for which a worker that starts reads what was cancelled before it takes jobs."""


GARBAGE = (50_000, 20, 100)
"""When the collector is to run: with the defaults a busy worker spends a quarter of its time in
searching for cycles among the jobs that it has."""


class WorkerService:
    """A worker takes the jobs of its queues over `channel`, until it is stopped."""

    def __init__(
        self,
        channel: Channel,
        settings: WorkerSettings,
        runners: Mapping[str, Runner],
        journal: WorkJournal,
        trust: Trust | None = None,
        signer: Signer = UNSIGNED,
        file: str = "the settings",
    ) -> None:
        self._trust = trust or Trust()
        self.channel = channel
        self.settings = settings
        self.server = settings.worker.server()
        slots = {name: Slots(runner.settings.concurrency) for name, runner in runners.items()}
        self._queues = {
            queue: Served(runners[table.runner], slots[table.runner], table.foreign)
            for queue, table in settings.queues.items()
        }
        self._slots = slots
        self._status = StatusReports(settings.pybit)
        self._journal = journal
        self._reports = Reports(journal, self._tell)
        self.output = OutputExchange(channel, self._reports.confirmed, signer)
        name = self.server.fqdn
        self.taking = Taking(
            channel,
            journal,
            self._queues,
            name=name,
            environment=self.server.environment,
            output=self.output,
            reports=self._reports,
            status=self._status,
            trust=self._trust,
            allowance=WorkerAllowance(settings.allow, file),
        )
        self.heartbeats = Heartbeats(channel, name, self._facts, settings.worker.heartbeat, signer)
        self._inbox = Inbox(
            channel,
            journal,
            self.taking,
            name=name,
            queues=settings.queues,
            cancels=settings.pybit.cancels,
            discover=self.heartbeats.request,
            tell=self.output.notify,
            trust=self._trust,
        )
        self._lifetime = Lifetime(channel, lambda: not self.taking.active)
        self._left: set[asyncio.Task[None]] = set()
        self.ready = asyncio.Event()
        """Set once it takes jobs."""

    @classmethod
    async def from_settings(
        cls,
        settings: WorkerSettings,
        runners: Mapping[str, Runner],
        *,
        file: str = "the settings",
    ) -> WorkerService:
        """Return the worker that `settings` describe, with its runners by name.

        Raises SettingsError, KeyUnusable or SigningNotInstalled before anything starts.
        """
        if not settings.bus.urls:
            raise SettingsError(
                file=file,
                key="bus.url",
                problem="is not set",
                must="a URL such as amqps://user:password@host (or set BATON_BUS_URL)",
            )
        check_facts(settings, file)
        name = settings.worker.name
        trust = Trust(settings.signing, push=settings.signing.push)
        signer = signer_of([settings.signing.own])
        channel = await connect(settings.bus.urls, name=f"baton worker {name}", worker=True)
        journal = await WorkJournal.open(journal_path(settings.worker.state, name))
        return cls(channel, settings, runners, journal, trust, signer, file)

    def facts(self) -> Facts:
        """Return what its heartbeats say."""
        facts = self.server.facts().model_copy(update={"signing": self._trust.facts})
        return facts_of(self.settings, facts)

    async def _facts(self) -> Facts:
        return self.facts()

    async def run(self) -> None:
        """Serve until `stop()`, then drain: finish jobs within the drain time, report, and close.

        Raises BusRefused if RabbitMQ refuses this worker what it needs, as an agent does.
        """
        self.heartbeats.listen()
        self.output.start()
        starting = asyncio.create_task(self._start(), name="start")
        ending = asyncio.create_task(self._lifetime.wait_for_end())
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await ending
        finally:
            for task in (starting, ending):
                task.cancel()
            await asyncio.wait({starting, ending})
            await self._inbox.stop()
            await asyncio.gather(*(slots.stop() for slots in self._slots.values()))
            await self.taking.drain(self.settings.worker.drain)
            for task in self._left:
                task.cancel()
            await asyncio.gather(self.output.flush(FLUSH_TIMEOUT), self._status.close())
            await self.output.close()
            await self.heartbeats.leave()
            await self.channel.close()
            await self._journal.close()
            log.info("worker stopped", worker=self.server.fqdn)

    def stop(self) -> None:
        """Begin to drain."""
        self._lifetime.stop()

    def stop_on_signals(self) -> None:
        """Drain on SIGTERM, SIGINT and SIGHUP."""
        self._lifetime.stop_on_signals()

    async def _start(self) -> None:
        await self._catch_up()
        for tier in TIERS:
            await self.channel.declare(tier.queue, tier.bindings)
        await self._inbox.start()
        await self._read_inbox()
        await self._declare(self.settings)
        await self._take()
        self.ready.set()
        self.heartbeats.start()
        log.info(
            "worker started",
            worker=self.server.fqdn,
            environment=self.server.environment,
            queues=sorted(self._queues),
            bus=self.channel.url,
        )

    async def reload(self, settings: WorkerSettings, runners: Mapping[str, Runner]) -> None:
        """Go on with other queues and runners; what runs goes on as it began.

        Raises BusRefused if RabbitMQ refuses a new queue; then all stays as it was.
        """
        await self._declare(settings)
        await self._inbox.add(settings.queues)
        left = [slots for name, slots in self._slots.items() if name not in runners]
        await asyncio.gather(*(slots.stop() for slots in left))
        self._slots = {
            name: await self._slots[name].hand_over(runner.settings.concurrency)
            if name in self._slots
            else Slots(runner.settings.concurrency)
            for name, runner in runners.items()
        }
        # a queue that is gone stays known: what has arrived from it is given back
        self._queues |= {
            queue: Served(runners[table.runner], self._slots[table.runner], table.foreign)
            for queue, table in settings.queues.items()
        }
        self.settings = settings
        await self._take()
        self.heartbeats.request()

    async def _declare(self, settings: WorkerSettings) -> None:
        for queue, table in settings.queues.items():
            await self.channel.declare(work_queue(queue), work_bindings(queue))
            if table.foreign:
                await self.channel.declare(foreign_queue(queue))

    async def _take(self) -> None:
        """Take jobs for all runners."""
        for name, slots in self._slots.items():
            places = [each for queue in self._of(name) for each in self._places(queue)]
            first = slots.first(len(places))
            slots.serve([await self._consume(queue, place, first) for queue, place in places])

    async def _catch_up(self) -> None:
        """Go on with what an earlier life left; nothing is taken before that is read."""
        entries: Sequence[Entry] | None = None
        while entries is None:
            try:
                entries = await self._journal.open_entries()
            except JournalUnavailable as error:
                log.error("journal unavailable", error=str(error))
                await asyncio.sleep(CATCH_UP_INTERVAL)
        for entry in entries:
            task = asyncio.create_task(self.taking.go_on(entry), name=f"left {entry.id}")
            self._left.add(task)
            task.add_done_callback(self._went_on)

    def _went_on(self, task: asyncio.Task[None]) -> None:
        self._left.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a job that was left open cannot be brought to its end", exc_info=error)

    async def _read_inbox(self) -> None:
        """Read what was cancelled meanwhile, and see that dead letters have a place."""
        await self.channel.wait_up()

        until = asyncio.get_running_loop().time() + INBOX_FIRST
        with contextlib.suppress(Disconnected):
            while await self.channel.depth(agent_queue(self.server.fqdn)):
                if asyncio.get_running_loop().time() > until:
                    break
                await asyncio.sleep(0.05)  # the bus tells nobody that a queue is empty
            if await self.channel.depth(DEAD_QUEUE) is None:
                try:
                    await self.channel.declare(DEAD_QUEUE, DEAD_BINDINGS)
                except BusRefused as error:
                    log.error("dead letters would be lost: start the bot", error=str(error))

    def _of(self, runner: str) -> list[str]:
        return [name for name, table in self.settings.queues.items() if table.runner == runner]

    def _places(self, queue: str) -> list[tuple[str, Queue]]:
        """Return where jobs of `queue` come from: the queue of ours, and the foreign one if it is
        one."""
        places = [(queue, work_queue(queue))]
        if self.settings.queues[queue].foreign:
            places.append((queue, foreign_queue(queue)))
        return places

    async def _consume(self, queue: str, place: Queue, first: int) -> Subscription:
        handler = guard(self.channel, partial(self.taking.received, queue))
        return await self.channel.consume(place, handler, prefetch=first)

    def _tell(self, message: Message) -> None:
        self.output.notify(message)


def facts_of(settings: WorkerSettings, facts: Facts | None = None) -> Facts:
    """Return what heartbeats say of a worker with these settings. Raises ValidationError."""
    runners = []
    for queue, table in settings.queues.items():
        runner = settings.runner[table.runner]
        runners.append(
            {
                "name": table.runner,
                "queue": queue,
                "summary": runner.summary,
                "arguments": {
                    name: argument.model_dump(mode="json", exclude_defaults=True)
                    for name, argument in runner.args.items()
                },
                "accept_within": runner.accept_within,
                "timeout": runner.timeout,
                "retry": runner.retry,
            }
        )
    base = (facts or settings.worker.server().facts()).model_dump()
    return Facts.model_validate({**base, "runners": runners})


def check_facts(settings: WorkerSettings, file: str) -> None:
    """Raise SettingsError if no heartbeat could say what these settings are."""
    try:
        facts_of(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key, path = "[runner]", first["loc"]
        if path[:1] == ("runners",) and len(path) > 2:
            queue = list(settings.queues.values())[int(path[1])]
            key = f"[runner.{queue.runner}] {'args' if path[2] == 'arguments' else path[2]}"
        raise SettingsError(
            file=file,
            key=key,
            problem="the heartbeats of the worker could not say it",
            must=meaning(first) or str(first["msg"]).removeprefix("Value error, "),
        ) from None


def journal_path(state: Path, name: str) -> Path:
    """Return where the worker `name` keeps its journal."""
    return state / f"work-{name}.sqlite"
