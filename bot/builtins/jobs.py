"""`/jobs`: the latest jobs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from typing_extensions import override

from baton.fields import Name, Positional
from baton.outcome import Answer
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply
from bot.jobs import Job, RunRecord, short_id
from bot.store.jobs.ledger import Ledger

MAX_LOOKED_AT = 200
"""Jobs that are looked through for those that somebody may read."""
MAX_SHOWN = 20
"""Jobs that are shown."""


class JobsCommand(BuiltinCommand):
    """Show the latest jobs and how they went."""

    name: ClassVar[str] = "jobs"
    environment: Annotated[Name | None, Positional] = None


class JobsHandler(Handler[JobsCommand]):
    """Lists the jobs of `ledger`."""

    def __init__(self, ledger: Ledger, authorizer: Authorizer, audit: AuditLog) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: JobsCommand, context: CommandContext) -> Reply:
        """Answer; what may not be read here is left out, and counted."""
        where = command.environment
        await self._audit.write(context.invocation, "answered", environment=where or "")
        reader = self._authorizer.reader(command.name, context)
        jobs: list[Job] = []
        for job in await self._ledger.recent(MAX_LOOKED_AT, where):
            if len(jobs) < MAX_SHOWN and await reader.may_read(self._authorizer.job_record(job)):
                jobs.append(job)
        found = await self._ledger.jobs([job.id for job in jobs])
        rows = tuple(_row(*found[job.id]) for job in jobs if job.id in found)
        columns = ("job", "started (UTC)", "command", "by", "result")
        there = f" in {where}" if where else ""
        if not rows and not reader.left_out:
            return Reply(f"No jobs{there} yet.")
        summary = f"The latest jobs{there}: {len(rows)}{reader.left_out_note('job')}"
        return Reply(answer=Answer(summary, columns if rows else (), rows))


def _row(job: Job, runs: tuple[RunRecord, ...]) -> tuple[str, ...]:
    states = sorted({run.state.value for run in runs})
    who = job.asked_by.label
    return (short_id(job.id), f"{job.asked:%m-%d %H:%M}", job.title, who, ", ".join(states))
