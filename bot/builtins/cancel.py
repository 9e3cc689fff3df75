"""`/cancel`: stop a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from bot.builtins.job_ids import JobId, find_job
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext, Invocation
from bot.dispatch.reply import Reply
from bot.jobs import Job, RunRecord, all_ended
from bot.store.jobs.ledger import Ledger
from bot.waiting import became


class CancelCommand(BuiltinCommand):
    """Cancel a running job on all its servers."""

    name: ClassVar[str] = "cancel"
    example: ClassVar[str] = "/cancel 7k2m"
    job: JobId = Field(description="the job ID shown in its post")


class CancelHandler(Handler[CancelCommand]):
    """Cancels jobs of `ledger`. `job_changed` is called with the id of a job that is cancelled."""

    def __init__(
        self,
        ledger: Ledger,
        authorizer: Authorizer,
        audit: AuditLog,
        job_changed: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._audit = audit
        self._job_changed = job_changed

    @override
    async def handle(self, command: CancelCommand, context: CommandContext) -> Reply:
        """Cancel a job. Whoever may ask for a job may cancel it, and so may its asker."""
        asked = context.invocation
        job, runs = await find_job(self._ledger, command.job)
        refusal = await self._authorizer.refusal_about(job, "cancel", context)
        if refusal is not None:
            return await self._audit.refuse(asked, refusal, job=job)
        await self._audit.write(asked, "allowed", job=job)
        if job.closed is not None or all_ended(runs):
            return Reply(_ended(job, runs), job=job.id)
        return await self.stop(job, asked)

    async def stop(self, job: Job, asked: Invocation) -> Reply:
        """Ask the servers to stop `job`, and close what was not sent yet. It may have ended since
        `job` was read. Raises UsageError if it is no longer kept."""
        done = await self._ledger.cancel(job.id, asked.asker, asked.at)
        if done is None or done.over:
            return Reply(_ended(*await find_job(self._ledger, job.id)), job=job.id)
        self._job_changed(job.id)
        still = sum(not run.state.final for run in done.runs)
        if not still:
            return Reply(f"{job.title} is cancelled. No server had started it.", job=job.id)
        if done.before is not None:
            return Reply(f"{done.before.label} already asked to stop {job.title}.", job=job.id)
        servers = "1 server" if still == 1 else f"{still} servers"
        if any(run.queue for run in done.runs):
            servers = "the workers of its queue"
        return Reply(f"Asked {servers} to stop {job.title}.", job=job.id)


def _ended(job: Job, runs: Sequence[RunRecord]) -> str:
    """Return what whoever cancels reads of a job that has ended."""
    if job.hold is not None:
        return became(job, runs)
    return f"{job.title} has already ended; nothing is running."
