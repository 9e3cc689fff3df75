"""`/log`: the output of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from baton.errors import UsageError
from baton.fields import Host
from baton.outcome import Answer, brief
from baton.text.printable import printable
from baton.text.words import did_you_mean
from bot.builtins.job_ids import JobId, find_job
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply
from bot.jobs import Job, RunRecord, short_id
from bot.store.jobs.ledger import Ledger
from bot.store.output.output_text import whole_output


class LogCommand(BuiltinCommand):
    """Show the full output of a job."""

    name: ClassVar[str] = "log"
    example: ClassVar[str] = "/log 7k2m --host web-1"
    job: JobId = Field(description="the job ID shown in its post")
    host: Host | None = Field(None, description="only the output of this server")


class LogHandler(Handler[LogCommand]):
    """Shows the output that `ledger` holds."""

    def __init__(self, ledger: Ledger, authorizer: Authorizer, audit: AuditLog) -> None:
        self._ledger = ledger
        self._authorizer = authorizer
        self._audit = audit

    @override
    async def handle(self, command: LogCommand, context: CommandContext) -> Reply:
        asked = context.invocation
        job, runs = await find_job(self._ledger, command.job)
        record = self._authorizer.job_record(job)
        hidden = await self._authorizer.hidden(
            record, command.name, asked.asker, asked.place, context.groups
        )
        if hidden is not None:
            return await self._audit.refuse(asked, hidden, job=job)
        await self._audit.write(asked, "answered", job=job)
        hosts = sorted({run.host for run in runs})
        if command.host is not None:
            hosts = [_one_of(command.host, hosts, job)]
        text = await whole_output(self._ledger, job.id, hosts)
        if not text:
            return Reply(answer=_ends(job, [run for run in runs if run.host in hosts]), job=job.id)
        servers = command.host or ("its server" if len(hosts) == 1 else f"its {len(hosts)} servers")
        summary = f"{job.title}, {job.id}: output of {servers}, times in UTC"
        return Reply(answer=Answer(summary, document=text), job=job.id)


def _ends(job: Job, runs: Sequence[RunRecord]) -> Answer:
    """Return how each server of a job without output ended, and how fast: of a ping there is no
    more."""
    summary = f"Job {short_id(job.id)} ({job.title}) produced no output."
    rows = []
    for run in sorted(runs, key=lambda run: run.host):
        seconds = run.report().seconds
        took = "" if seconds is None else brief(seconds)
        rows.append((run.host, run.state.value, took, printable(run.text)))
    return Answer(summary, ("server", "state", "after", "message") if rows else (), tuple(rows))


def _one_of(host: str, hosts: Sequence[str], job: Job) -> str:
    """Return the server of `job` that is meant: its whole name, or the first part of it."""
    meant = [name for name in hosts if host in (name, name.partition(".")[0])]
    if len(meant) != 1:
        hint = did_you_mean(host, hosts)
        raise UsageError(f"Unknown server “{host}” in job {short_id(job.id)}.{hint}")
    return meant[0]
