"""Step 5 of the path (telling): from the ledger to the posts in the thread.

Each job that has news is read from the ledger, what it must show is derived, and the delivery of
its front end is told. Nothing is remembered here that the ledger does not hold.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import structlog

from baton.command import Command
from baton.errors import UsageError
from baton.extensions import Commands
from bot.content import Post
from bot.jobs import Job, RunRecord, Tail
from bot.posts import grouping
from bot.posts.queue import Delivery
from bot.posts.render import wanted
from bot.priority import ForegroundPriority
from bot.schedules import posts as board
from bot.servers.registry import ServerRegistry
from bot.servers.sight import ServerVisibility
from bot.store import PostRow, Store
from bot.store.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

TAIL = 2600
"""Characters of each server's output that a thread shows; the whole is in the ledger."""
EVERY, EVERY_MOST, REST = 0.1, 1.0, 3.0
"""Seconds between two looks at the ledger for news: what comes meanwhile is merged. A look that
took long, as at a job of a thousand servers, is followed by a rest so many times as long."""
RETRY_AFTER = 0.5
TOGETHER = 50
"""Jobs that are read in one look, at most."""


class UnknownCommand(Command):
    """A command that is no longer installed: its jobs are still shown."""

    name: ClassVar[str] = "?"


@dataclass(frozen=True, slots=True)
class _Told:
    revision: int
    ended: bool


class Teller:
    """Keeps the posts of every open job equal to the ledger."""

    def __init__(
        self,
        store: Store,
        commands: Commands,
        roster: ServerRegistry,
        deliveries: Mapping[str, Delivery],
        way: ForegroundPriority | None = None,
    ) -> None:
        self._store = store
        self._commands = commands
        self._roster = roster
        self._deliveries = deliveries
        self._way = way or ForegroundPriority()
        self._sight = ServerVisibility()
        self._touched: dict[str, None] = {}
        self._some = asyncio.Event()
        self._open: dict[str, _Told] = {}
        self._waiting: dict[str, set[str]] = {}
        """Of a job whose post is not there yet, those that are to be shown under it."""
        self.closed: Callable[[Job, Sequence[RunRecord]], Awaitable[None]] | None = None
        """Called with each job that changes servers when it has ended, before that is told; now and
        then once more."""
        self.ended: Counter[str] = Counter()
        """How many runs were shown to have ended, by final state."""

    def touch(self, job: str) -> None:
        """`job` has news."""
        self._touched[job] = None
        self._some.set()

    def touch_all(self) -> None:
        """All that is on show may have changed."""
        for job in self._open:
            self.touch(job)

    def look(self) -> None:
        """Touch all if we see better or worse than before: our own link, or a server."""
        sight = self._roster.visibility()
        if sight != self._sight:
            self._sight = sight
            self.touch_all()

    def compare(self, revisions: Mapping[str, int]) -> None:
        """Touch each job that another bot changed or told; `revisions` are the untold ones, as the
        ledger has them."""
        for job, revision in revisions.items():
            told = self._open.get(job)
            if told is None or told.revision < revision:
                self.touch(job)
        for job in self._open:
            if job not in revisions:
                self.touch(job)

    def forget(self) -> None:
        """Another bot tells from now on."""
        self._open.clear()
        self._touched.clear()
        self._waiting.clear()

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            begun = time.monotonic()
            jobs, self._touched = list(self._touched), {}
            for start in range(0, len(jobs), TOGETHER):
                await self._way.yield_to_foreground()
                try:
                    await self._tell(jobs[start : start + TOGETHER])
                except DatabaseUnavailable as error:
                    log.warning("ledger not read", error=str(error))
                    for left in jobs[start:]:
                        self.touch(left)
                    await asyncio.sleep(RETRY_AFTER)
                    break
            took = time.monotonic() - begun
            await asyncio.sleep(min(max(EVERY, took * REST), EVERY_MOST))

    def settled(self, job: str) -> None:
        """Every post of `job` shows what is wanted; if it has ended, it is told."""
        told = self._open.get(job)
        if told is None or told.ended:
            self.touch(job)
        for under in self._waiting.pop(job, ()):
            self.touch(under)

    async def _tell(self, names: Sequence[str]) -> None:
        """Have these jobs shown as they are; those that have ended, and are shown so, are told."""
        found = await self._store.ledger.jobs(names)
        for gone in set(names) - found.keys():
            self._close(gone)
        rows = await self._store.posts.of_jobs(
            [job.id for job, _ in found.values() if self._new(job)]
        )
        over = [
            (job, runs)
            for job, runs in found.values()
            if await self._surely_shown(job, runs, rows.get(job.id, ())) and job.closed is not None
        ]
        told = await self._store.ledger.mark_told({job.id: job.revision for job, _ in over})
        for job, runs in over:
            if job.id in told:
                self.ended.update(run.state.value for run in runs)
                self._close(job.id)

    def _new(self, job: Job) -> bool:
        """Whether what the database knows of its posts must be known here."""
        delivery = self._deliveries.get(job.place.front)
        return delivery is not None and not delivery.knows(job.id)

    async def _surely_shown(
        self, job: Job, runs: Sequence[RunRecord], rows: Iterable[PostRow]
    ) -> bool:
        """As `_shown`; a fault of ours leaves this job as it is shown until it changes, and costs
        the others nothing."""
        try:
            return await self._shown(job, runs, rows)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("a job cannot be shown", job=job.id, command=job.command)
            self._open[job.id] = _Told(job.revision, False)
            return False

    async def _shown(self, job: Job, runs: Sequence[RunRecord], rows: Iterable[PostRow]) -> bool:
        """Have `job` shown as it is; whether it is already."""
        if job.told or job.hidden:
            self._close(job.id)
            return False
        await self._note(job, runs)
        delivery = self._deliveries.get(job.place.front)
        if delivery is None:
            # left alone until it changes: a bot that has its front end will tell it
            return False
        if job.under:
            thread = await self._thread_under(job.under)
            if thread is None:
                self._waiting.setdefault(job.under, set()).add(job.id)
                return False
            job = replace(job, place=replace(job.place, thread=thread))
        posts = await self._wanted(job, runs)
        return delivery.want(job.subject, posts, {row.key: row for row in rows})

    async def _note(self, job: Job, runs: Sequence[RunRecord]) -> None:
        """Job `job` is open, or was until now."""
        before, ended = self._open.get(job.id), job.closed is not None
        known = before is not None and before.ended
        if ended and not known and self.closed is not None and self._command(job).changes:
            try:
                await self.closed(job, runs)
            except DatabaseUnavailable:
                raise
            except Exception:
                # it is shown all the same that the job has ended
                log.exception("the end of a job was not taken note of", job=job.id)
        self._open[job.id] = _Told(job.revision, ended)

    def _close(self, job: str) -> None:
        self._open.pop(job, None)
        for delivery in self._deliveries.values():
            delivery.forget(job)

    async def _thread_under(self, job: str) -> str | None:
        """The thread under the post of `job`; None if it is not there yet, empty if it never will
        be."""
        row = next((row for row in await self._store.posts.of_job(job) if row.key == job), None)
        if row is None:
            return None if await self._store.ledger.job(job) else ""
        if row.status == "given_up":
            return ""
        return row.ref if row.status == "shown" else None

    async def _wanted(self, job: Job, runs: Sequence[RunRecord]) -> tuple[Post, ...]:
        if job.command in (board.DAY, board.NOTICE):
            return board.posts(job)
        command = self._command(job)
        tails = await self._tails(job, command, runs)
        try:
            return wanted(job, command, runs, tails, self._sight)
        except Exception:
            # an extension's own words failed: its jobs are shown without them
            log.exception("a command cannot say how it went", job=job.id, command=job.command)
            return wanted(job, UnknownCommand(), runs, tails, self._sight)

    async def _tails(
        self, job: Job, command: Command, runs: Sequence[RunRecord]
    ) -> Mapping[str, Tail]:
        if not command.changes or not any(run.sequence for run in runs):
            return {}  # who was not heard yet has said nothing, and the look is a costly one
        if not grouping.many(runs):
            return await self._store.ledger.tails(job.id, TAIL)
        hosts = grouping.asked_for(runs)
        return await self._store.ledger.tails(job.id, grouping.TAIL, hosts) if hosts else {}

    def _command(self, job: Job) -> Command:
        if job.command in self._commands:
            try:
                return self._commands[job.command].command.from_arguments(job.arguments)
            except UsageError as error:
                log.warning("a job of an older command", job=job.id, reason=error.problem)
        return UnknownCommand()
