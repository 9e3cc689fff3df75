"""The house's own commands: what can be asked about Baton itself, answered from the ledger."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from baton.command import Command, Reach
from baton.consumer import Extension
from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import Host, Name, Positional
from baton.outcome import Answer, brief
from baton.text.printable import printable
from baton.text.words import cited, did_you_mean
from bot.asking import Ask
from bot.authorizer import Reader
from bot.dispatch.reply import Reply
from bot.jobs import AuditEntry, Job, RunRecord, all_ended
from bot.policy import Asked, is_private
from bot.store.output_text import whole_output

if TYPE_CHECKING:
    from bot.desk import Desk, Groups


def _job_id(text: str) -> str:
    name = text.removeprefix("#").lower()
    if not 4 <= len(name) <= 32 or not name.isascii() or not name.isalnum():
        raise ValueError(
            "it must be the id that a job's post shows, or its first letters: four or more"
        )
    return name


JobId = Annotated[str, AfterValidator(_job_id)]
"""The id of a job, or its first letters if they are enough: four or more."""


class HouseCommand(Command):
    """A command that the desk serves by itself."""

    reach: ClassVar[Reach] = Reach.HERE
    changes: ClassVar[bool] = False

    @abstractmethod
    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """What the one who asked is told."""


class Help(HouseCommand):
    """List the available commands, or show how one is used."""

    name: ClassVar[str] = "help"
    command: Annotated[str | None, Positional] = None

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve."""
        if self.command is None:
            await desk.noted(ask, "answered")
            return Reply(desk.help())
        name = self.command.removeprefix("/")
        if name not in desk.commands:
            hint = did_you_mean(name, desk.commands)
            raise UsageError(f"There is no command {cited(name)}.{hint}")
        await desk.noted(ask, "answered")
        return Reply(desk.commands[name].command.help())


class Cancel(HouseCommand):
    """Cancel a running job on all its servers."""

    name: ClassVar[str] = "cancel"
    example: ClassVar[str] = "/cancel 7k2m"
    job: JobId = Field(description="the id that its post shows")

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve. Whoever may ask for a job may cancel it, and so may its
        asker."""
        job, runs = await _found(desk, self.job)
        own = (job.asked_by.id, job.place.front) == (ask.asker.id, ask.place.front)
        if not own:
            refusal = await desk.refusal(
                desk.asked_by(job, f"/cancel {job.id[:6]}"), ask.asker, groups
            )
            if refusal is not None:
                await desk.audit(ask, refusal.verdict, refusal.text, job)
                return Reply(refusal.text, ok=False, job=job.id)
        await desk.audit(ask, "allowed", job=job)
        if job.closed is not None or all_ended(runs):
            return Reply(f"{job.title} has ended already: nothing runs.", job=job.id)
        return await desk.stop_job(job, ask)


class Log(HouseCommand):
    """Show the full output of a job."""

    name: ClassVar[str] = "log"
    example: ClassVar[str] = "/log 7k2m --host web-1"
    job: JobId = Field(description="the id that its post shows")
    host: Host | None = Field(None, description="what this server said only")

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve."""
        job, runs = await _found(desk, self.job)
        hidden = await desk.rights.hidden(desk.kept(job), self.name, ask.asker, ask.place, groups)
        if hidden is not None:
            await desk.audit(ask, hidden.verdict, hidden.text, job)
            return Reply(hidden.text, ok=False)
        await desk.audit(ask, "answered", job=job)
        hosts = sorted({run.host for run in runs})
        if self.host is not None:
            hosts = [_one_of(self.host, hosts, job)]
        text = await whole_output(desk.store.ledger, job.id, hosts)
        if not text:
            return Reply(answer=_ends(job, [run for run in runs if run.host in hosts]), job=job.id)
        servers = self.host or ("its server" if len(hosts) == 1 else f"its {len(hosts)} servers")
        summary = f"{job.title}, {job.id}: what {servers} said, times in UTC"
        return Reply(answer=Answer(summary, document=text), job=job.id)


def _ends(job: Job, runs: Sequence[RunRecord]) -> Answer:
    """How each server of a job without output ended, and how fast: of a ping there is no more."""
    summary = f"Job {job.id[:6]} ({job.title}) produced no output."
    rows = []
    for run in sorted(runs, key=lambda run: run.host):
        seconds = run.report().seconds
        took = "" if seconds is None else brief(seconds)
        rows.append((run.host, run.state.value, took, printable(run.text)))
    return Answer(summary, ("server", "state", "after", "last words") if rows else (), tuple(rows))


def _one_of(host: str, hosts: Sequence[str], job: Job) -> str:
    """The server of `job` that is meant: its whole name, or the first part of it."""
    meant = [name for name in hosts if host in (name, name.partition(".")[0])]
    if len(meant) != 1:
        hint = did_you_mean(host, hosts)
        raise UsageError(f"Unknown server “{host}” in job {job.id[:6]}.{hint}")
    return meant[0]


class Jobs(HouseCommand):
    """Show the latest jobs and how they went."""

    name: ClassVar[str] = "jobs"
    environment: Annotated[Name | None, Positional] = None

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve. What may not be read here is left out, and counted."""
        await desk.audit(ask, "answered", environment=self.environment or "")
        reader = Reader(desk.rights, self.name, ask.asker, ask.place, groups)
        jobs: list[Job] = []
        for job in await desk.store.ledger.recent(LOOKED_AT, self.environment):
            if len(jobs) < SHOWN and await reader.reads(desk.kept(job)):
                jobs.append(job)
        found = await desk.store.ledger.jobs([job.id for job in jobs])
        rows = tuple(_job_row(*found[job.id]) for job in jobs if job.id in found)
        columns = ("job", "asked (UTC)", "what", "who", "how it went")
        where = f" in {self.environment}" if self.environment else ""
        if not rows and not reader.left_out:
            return Reply(f"No job was asked for{where} yet.")
        summary = f"The latest jobs{where}: {len(rows)}{reader.left('job')}"
        return Reply(answer=Answer(summary, columns if rows else (), rows))


class Audit(HouseCommand):
    """Show the audit log: who ran what, and whether it was allowed."""

    name: ClassVar[str] = "audit"
    last: int = Field(default=30, ge=1, le=1000, description="how many asks, the latest first")

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve."""
        await desk.audit(ask, "answered")
        reader = Reader(desk.rights, self.name, ask.asker, ask.place, groups)
        entries = await desk.store.audit.recent(self.last)
        read = [entry for entry in entries if await reader.reads(desk.kept_entry(entry))]
        columns = ("when (UTC)", "who", "where", "asked", "verdict")
        rows = tuple(_audit_row(entry) for entry in read)
        summary = f"The latest requests: {len(rows)}{reader.left('request')}"
        return Reply(answer=Answer(summary, columns if rows else (), rows))


LOOKED_AT = 200
"""Jobs that are looked through for those that somebody may read."""
SHOWN = 20
"""Jobs that are shown."""
WIDEST = 80
"""Characters of what was typed that are shown in a table."""
_PRIVATE = {"privategroup": "private channel", "directmessage": "direct message"}


class Forget(HouseCommand):
    """Forget a server that was taken out of service, or that was moved to another environment.

    If its agent still runs, the server is known again from its next heartbeat on, as it says then.
    """

    name: ClassVar[str] = "forget"
    example: ClassVar[str] = "/baton forget web-9"
    changes: ClassVar[bool] = True
    host: Host = Field(description="the name that /servers shows")

    async def serve(self, desk: Desk, ask: Ask, groups: Groups) -> Reply:
        """Keeps HouseCommand.serve. It needs a rule, as what changes servers does: a server that is
        forgotten is deployed to no more. Raises UsageError."""
        known = {seen.facts.host: seen.facts for seen in desk.roster.servers()}
        if self.host not in known:
            hint = did_you_mean(self.host, known)
            raise UsageError(f"No server is called {self.host}.{hint} /servers shows them.")
        environment = known[self.host].environment
        asked = [Asked(self.name, environment, shown="/baton forget")]
        refusal = await desk.refusal(asked, ask.asker, groups)
        if refusal is not None:
            await desk.audit(ask, refusal.verdict, refusal.text)
            return Reply(refusal.text, ok=False)
        await desk.audit(ask, "allowed")
        at = desk.now()
        await desk.store.servers.forget(self.host, at)
        desk.forgotten(self.host, at)
        return Reply(
            f"Forgotten: {self.host} in {environment}. If its agent still runs, it is back with "
            "its next heartbeat."
        )


HOUSE = (
    Extension(Help),
    Extension(Cancel),
    Extension(Log),
    Extension(Jobs),
    Extension(Audit),
    Extension(Forget),
)


def help_text(commands: Commands) -> str:
    """What can be asked: a usage line each, and under it a summary."""
    told = (
        f"{extension.command.usage()}\n    {extension.command.summary()}"
        for extension in commands.values()
    )
    return "\n".join(["Available commands. For details: /help COMMAND", "", *sorted(told)])


async def _found(desk: Desk, prefix: str) -> tuple[Job, tuple[RunRecord, ...]]:
    found = await desk.store.ledger.find(prefix)
    if found is None:
        raise UsageError(f"There is no job {prefix}, or more than one: /jobs shows the latest.")
    return found


def _job_row(job: Job, runs: tuple[RunRecord, ...]) -> tuple[str, ...]:
    states = sorted({run.state.value for run in runs})
    who = job.asked_by.name or job.asked_by.id
    return (job.id[:6], f"{job.asked:%m-%d %H:%M}", job.title, who, ", ".join(states))


def _audit_row(entry: AuditEntry) -> tuple[str, ...]:
    who = entry.person.name or entry.person.id
    where = entry.place.name or entry.place.channel
    if is_private(entry.place):
        where = f"{_PRIVATE.get(entry.place.name, 'channel')} {entry.place.channel}"
    words = entry.words if len(entry.words) <= WIDEST else f"{entry.words[: WIDEST - 1]}…"
    when = f"{entry.time:%m-%d %H:%M:%S}"
    return (when, printable(who), printable(where), printable(words), entry.verdict)
