"""`/retry`: run a job again, on the servers where it did not succeed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.bus.messages import State
from baton.command import Command
from baton.errors import UsageError
from baton.extensions import Commands
from baton.outcome import named
from bot.builtins.job_ids import JobId, find_job
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.gates.gatekeeper import Gatekeeper
from bot.dispatch.gates.looked import Looked
from bot.dispatch.planner import Denied
from bot.dispatch.policy import Refusal
from bot.dispatch.reply import Reply, ReplyKind, started
from bot.jobs import Job, NewJob, RunRecord, all_ended, last_attempts, short_id
from bot.rollout.settings import RolloutSettings
from bot.store.jobs.ledger import Ledger

_READ = "log"
"""The command that shows a job: whoever may not read it by that may not see what it was either."""


class RetryCommand(BuiltinCommand):
    """Run a job again, with the same options, on the servers where it did not succeed.

    It goes in the same waves, unless you say others. With `--all` it runs on all servers that it
    reaches today. You need the right to run the command itself.
    """

    name: ClassVar[str] = "retry"
    example: ClassVar[str] = "/retry 7k2m"
    changes: ClassVar[bool] = True
    starts_jobs: ClassVar[bool] = True
    job: JobId = Field(description="the job ID shown in its post")
    all: bool = Field(False, description="on all its servers, also where it succeeded")


@dataclass(frozen=True, slots=True)
class _Again:
    """The job that is to run, and what the person reads about servers that it leaves out."""

    looked: Looked
    note: str


@dataclass(frozen=True, slots=True)
class _NotNow:
    """Why the job cannot be run again as it is."""

    problem: str


class RetryHandler(Handler[RetryCommand]):
    """Starts jobs of `ledger` again. `job_changed` is called with the id of a job that has news."""

    def __init__(
        self,
        commands: Commands,
        ledger: Ledger,
        gatekeeper: Gatekeeper,
        authorizer: Authorizer,
        audit: AuditLog,
        job_changed: Callable[[str], None],
    ) -> None:
        self._commands = commands
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._authorizer = authorizer
        self._audit = audit
        self._job_changed = job_changed

    @override
    async def handle(self, command: RetryCommand, context: CommandContext) -> Reply:
        """Start the job again. Raises UsageError if there is no such job, or if what it ran cannot
        be run any more."""
        asked = context.invocation
        job, runs = await find_job(self._ledger, command.job)
        again = await self._again(command, job, runs, context)
        if isinstance(again, _NotNow):
            await self._audit.write_or_log(asked, "unusable", again.problem)
            return Reply(again.problem, kind=ReplyKind.CONFLICT, job=job.id)
        if isinstance(again, Denied):
            return await self._audit.refuse(asked, again.refusal, job=job)
        note = again.note
        found: Looked | Denied | Job = await self._gatekeeper.let_in(again.looked, context)
        if isinstance(found, Looked):
            entry = self._audit.starting(asked, found.new.job)
            begin = partial(self._ledger.start_job, entry=entry)
            found = await self._gatekeeper.start(found, context, begin)
        if isinstance(found, Denied):
            return await self._audit.refuse(asked, found.refusal, job=job)
        self._job_changed(found.id)
        return started(found.id, note and f"Started job {short_id(found.id)}. {note}")

    @override
    async def plan(self, command: RetryCommand, context: CommandContext) -> Looked | Denied | None:
        """Return the job that this would start. Raises UsageError."""
        job, runs = await find_job(self._ledger, command.job)
        found = await self._again(command, job, runs, context)
        if isinstance(found, _NotNow):
            raise UsageError(found.problem, field="job")
        return found.looked if isinstance(found, _Again) else found

    async def _again(
        self,
        command: RetryCommand,
        job: Job,
        runs: Sequence[RunRecord],
        context: CommandContext,
    ) -> _Again | Denied | _NotNow:
        """Return the job that runs `job` again, or why not. Raises UsageError."""
        refusal = await self._refusal(job, context)
        if refusal is not None:
            return Denied(refusal, job.environment)
        if not all_ended(runs):
            return _NotNow(
                f"{job.title} ({short_id(job.id)}) is still running. Wait until it has ended, or "
                f"cancel it first: /cancel {short_id(job.id)}"
            )
        hosts = None if command.all else _unsuccessful(runs)
        if hosts is not None and not hosts:
            return _NotNow(
                f"{job.title} ({short_id(job.id)}) succeeded on every server: there is nothing to "
                f"retry. To run it again everywhere: /retry {short_id(job.id)} --all"
            )
        context = replace(context, rollout=context.rollout or _rollout_of(job))
        found = await self._gatekeeper.look(self._command_of(job), context, only=hosts)
        if isinstance(found, Denied):
            return found
        return _Again(found, _left_out(hosts or (), found.new))

    async def _refusal(self, job: Job, context: CommandContext) -> Refusal | None:
        """Return why the one who asks may not know what `job` was, or may not run it."""
        asked = context.invocation
        hidden = await self._authorizer.hidden(
            self._authorizer.job_record(job), _READ, asked.asker, asked.place, context.groups
        )
        if hidden is not None:
            return hidden
        requests = self._authorizer.requests_of(job, f"/retry {short_id(job.id)}")
        return await self._authorizer.refusal(requests, asked.asker, context.groups)

    def _command_of(self, job: Job) -> Command:
        """Return the command that `job` ran. Raises UsageError if it is not understood any more."""
        try:
            return self._commands.build(job.command, job.arguments)
        except UsageError as error:
            raise UsageError(
                f"Job {short_id(job.id)} cannot be run again: this bot does not accept its command "
                f"any more. {error.problem}",
                field="job",
            ) from error


def _rollout_of(job: Job) -> RolloutSettings | None:
    """Return how `job` went through its servers: who wanted a canary then wants one now."""
    rollout = job.hold.rollout if job.hold is not None else None
    return None if rollout is None else rollout.settings


def _unsuccessful(runs: Sequence[RunRecord]) -> frozenset[str]:
    """Return the servers whose last attempt did not succeed."""
    last = last_attempts(runs)
    return frozenset(run.host for run in last if run.state is not State.SUCCEEDED)


def _left_out(hosts: Collection[str], new: NewJob) -> str:
    """Return which of `hosts` the bot does not know any more, in words."""
    gone = sorted(set(hosts) - {run.host for run in new.runs})
    if not gone:
        return ""
    return f"Left out, because the bot does not know them any more: {named(gone, 5)}."
