"""The source of posts about jobs, which are derived from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import ClassVar

import structlog
from typing_extensions import override

from baton.command import Command
from baton.errors import UsageError
from baton.extensions import Commands
from bot.content import Post
from bot.dispatch.console_address import ConsoleAddress
from bot.jobs import Job, RunRecord, Tail, last_attempts
from bot.posts import grouping
from bot.posts.post_source import Desired, PostSource
from bot.posts.render import render_job
from bot.servers.server_visibility import ServerVisibility
from bot.store.errors import DatabaseUnavailable
from bot.store.jobs.ledger import Ledger

log = structlog.get_logger(__name__)

MAX_TAIL = 2600
"""Characters of each server's output that a thread shows, at most; the ledger holds all."""

JobEnded = Callable[[Job, Sequence[RunRecord]], Awaitable[None]]


class UnknownCommand(Command):
    """Stands for a command that is not installed any more: its jobs are still shown."""

    name: ClassVar[str] = "?"


class JobPosts(PostSource):
    """Reads the jobs in `ledger`. `visibility` returns which servers the bot cannot see now.

    `on_end` is called with each job that changes servers when it has ended, before its posts say
    so; in rare cases twice. It may raise DatabaseUnavailable: then the job is read again.
    `console` is where people open the console, if there is one.
    """

    def __init__(
        self,
        ledger: Ledger,
        commands: Commands,
        visibility: Callable[[], ServerVisibility],
        on_end: JobEnded,
        console: ConsoleAddress | None = None,
    ) -> None:
        self._ledger = ledger
        self._commands = commands
        self._look = visibility
        self._visibility = ServerVisibility()
        self._on_end = on_end
        self._console = console
        self._ended: dict[str, Counter[str]] = {}
        """The jobs that have ended but are not reported yet: the number of runs in each state."""
        self.ended_runs: Counter[str] = Counter()
        """How many runs are reported to have ended, by final state."""

    @override
    async def unreported(self) -> Mapping[str, int]:
        return await self._ledger.unreported()

    @override
    async def read(self, subjects: Sequence[str]) -> Sequence[Desired]:
        found = await self._ledger.jobs(subjects)
        visible = [(job, runs) for job, runs in found.values() if not (job.reported or job.hidden)]
        for subject in set(subjects) - {job.id for job, _ in visible}:
            self._ended.pop(subject, None)
        return [await self._desired(job, runs) for job, runs in visible]

    @override
    async def mark_reported(self, shown: Sequence[Desired]) -> Collection[str]:
        reported = await self._ledger.mark_reported({one.subject.id: one.revision for one in shown})
        for job in reported:
            self.ended_runs.update(self._ended.pop(job, {}))
        return reported

    @override
    def looks_different(self) -> bool:
        before, self._visibility = self._visibility, self._look()
        return before != self._visibility

    @override
    def reset(self) -> None:
        self._ended.clear()

    async def _desired(self, job: Job, attempts: Sequence[RunRecord]) -> Desired:
        runs = last_attempts(attempts)
        over = job.closed is not None
        if over:
            await self._note_end(job, runs)
        return Desired(
            job.subject,
            {job.id: job.revision},
            partial(self._render, job, runs),
            awaited=over,
            under=job.under,
        )

    async def _note_end(self, job: Job, runs: Sequence[RunRecord]) -> None:
        if job.id not in self._ended:
            try:
                if self._command(job).changes:
                    await self._on_end(job, runs)
            except DatabaseUnavailable:
                raise
            except Exception:
                # it is shown all the same that the job has ended
                log.exception("unexpected error in the hook for ended jobs", job=job.id)
        self._ended[job.id] = Counter(run.state.value for run in runs)

    async def _render(self, job: Job, runs: Sequence[RunRecord]) -> tuple[Post, ...]:
        command = self._command(job)
        tails = await self._tails(job, command, runs)
        page = self._console.page_of(job.id) if self._console is not None else ""
        try:
            return render_job(job, command, runs, tails, self._visibility, page)
        except Exception:
            # an extension's own words failed: its jobs are shown without them
            log.exception("a command failed to render its outcome", job=job.id, command=job.command)
            return render_job(job, UnknownCommand(), runs, tails, self._visibility, page)

    async def _tails(
        self, job: Job, command: Command, runs: Sequence[RunRecord]
    ) -> Mapping[str, Tail]:
        if not command.changes or not any(run.sequence for run in runs):
            return {}  # no update has come, so there is no output, and reading it is costly
        if not grouping.too_many_for_single_posts(runs):
            return await self._ledger.tails(job.id, MAX_TAIL)
        hosts = grouping.hosts_needed(runs)
        return await self._ledger.tails(job.id, grouping.MAX_TAIL, hosts) if hosts else {}

    def _command(self, job: Job) -> Command:
        if job.command in self._commands:
            try:
                return self._commands[job.command].command.from_arguments(job.arguments)
            except UsageError as error:
                log.warning(
                    "arguments of a job do not fit its command any more",
                    job=job.id,
                    reason=error.problem,
                )
        return UnknownCommand()
