"""The planner: a command becomes a job, its runs and what to send, if whoever asks may do so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from baton.bus.exchanges import INPUT, command_key, host_key, work_key
from baton.bus.messages import Request, new_id
from baton.command import Command, Known, KnownServer, Reach
from baton.errors import UsageError
from baton.outcome import named
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.context import CommandContext, Invocation
from bot.dispatch.gates.finding import Finding, GateName, first_refusal
from bot.dispatch.gates.holding import held_if_ruled
from bot.dispatch.gates.tables import GateRules
from bot.dispatch.policy import Refusal, access_requests
from bot.jobs import MIN_SEND_WINDOW, Job, NewJob, OutboxMessage, RunRecord
from bot.servers.inventory import select_servers
from bot.servers.runner_command import RunnerCommand
from bot.servers.runners import environments_of, serving
from bot.signers import signers_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Denied:
    """There is no job: `refusal` says why. `environment` is where it was asked for. `findings` are
    what every gate says of it, as far as whoever asks may know."""

    refusal: Refusal
    environment: str
    findings: tuple[Finding, ...] = ()

    @property
    def gate(self) -> GateName:
        """Return which gate it is that refuses."""
        refused = first_refusal(self.findings)
        return "permission" if refused is None else refused.gate


class Planner:
    """Plans jobs for the servers that `known` knows, as far as `authorizer` lets people ask for
    them. `source` is this bot, as it signs its requests. What one of `rules` is about is held
    until people agree."""

    def __init__(
        self,
        known: Known,
        authorizer: Authorizer,
        source: str,
        rules: GateRules | None = None,
    ) -> None:
        self._known = known
        self._authorizer = authorizer
        self._source = source
        self._rules = rules or GateRules()

    async def authorize_and_plan(
        self, command: Command, context: CommandContext, only: Collection[str] | None = None
    ) -> NewJob | Denied:
        """Return the job that `command` makes, or why whoever asks is not allowed to have it. Of
        the servers that are meant it is for those that `only` names, if it names any.

        Raises UsageError if no known server is meant.
        """
        asked, servers = context.invocation, self._known.servers()
        # What names no environment is judged by those of the servers that it is for.
        named = command.target.environment
        new = None if named else await self._plan_anywhere(command, context, servers, only)
        where = named or (new.job.environment if new else "")
        refusal = await self._authorizer.refusal(
            access_requests(command, where.split(", ")), asked.asker, context.groups
        )
        if refusal is not None and set(where.split(", ")) <= self._authorizer.environments(servers):
            return Denied(refusal, where)
        new = new or plan_job(command, asked, servers, self._source, only)
        if refusal is not None:
            return Denied(refusal, where)
        whole = only is None and command.target.host is None
        hosts = {run.host for run in new.runs}
        meant = [server.facts for server in servers if server.facts.host in hosts]
        signers = signers_of(meant, command.name, command.target.app)
        rules = self._rules.about(command.name, new.job.environment.split(", "), command.target.app)
        return held_if_ruled(
            new, command, rules, signers, asked.at, whole=whole, said=context.rollout
        )

    async def _plan_anywhere(
        self,
        command: Command,
        context: CommandContext,
        servers: Sequence[KnownServer],
        only: Collection[str] | None,
    ) -> NewJob:
        """Return the job of a command that names no environment. Raises UsageError, which names no
        server or app that the one who asks may not look at."""
        try:
            return plan_job(command, context.invocation, servers, self._source, only)
        except UsageError:
            seen = await self._authorizer.reader(command.name, context).visible(servers)
            if servers and not seen:
                raise UsageError("No server that you are allowed to see matches.") from None
            select_servers(seen, command.target)
            raise


def plan_job(
    command: Command,
    asked: Invocation,
    servers: Sequence[KnownServer],
    source: str,
    only: Collection[str] | None = None,
) -> NewJob:
    """Return the job that `command` makes for the servers it means, or for `only` some of them.

    A change is sent to each server by name, so that a missing one is known at once; what only
    looks is broadcast to its environment. How long a server has to take it up counts from the
    sending (Sending.stamped): until then, the deadlines say by when it must be sent. Raises
    UsageError if no known server is meant.
    """
    if isinstance(command, RunnerCommand):
        return _queue_job(command, asked, servers, source)
    target = command.target
    meant = _some(select_servers(servers, target), only)
    environments = sorted({server.facts.environment for server in meant})
    job = _job(command, asked, environments)
    deadline = asked.at + timedelta(seconds=command.accept_within)
    send_by = asked.at + timedelta(seconds=max(command.accept_within, MIN_SEND_WINDOW))
    broadcast = command.reach is Reach.ALL and target.host is None and only is None
    if broadcast and target.environment is not None:
        request = _request(command, job, target.environment, None, deadline, source)
        key = command_key(command.name, job.environment, target.app)
        sendings = [OutboxMessage(request.id, job.id, "", INPUT, key, request, True, send_by)]
        requests = [(server.facts.host, request) for server in meant]
    else:
        requests = [
            (facts.host, _request(command, job, facts.environment, facts.host, deadline, source))
            for facts in (server.facts for server in meant)
        ]
        sendings = [
            OutboxMessage(request.id, job.id, host, INPUT, host_key(host), request, True, send_by)
            for host, request in requests
        ]
    runs = tuple(
        RunRecord(job.id, host, request.id, request.attempt, send_by, command.timeout)
        for host, request in requests
    )
    return NewJob(job, runs, tuple(sendings))


def _queue_job(
    command: RunnerCommand, asked: Invocation, servers: Sequence[KnownServer], source: str
) -> NewJob:
    """Return the job that `command` gives to whichever worker takes it from its queue.

    Raises UsageError if no known worker serves the queue, or if they are in several environments:
    who may have it is decided by the environment, and a worker of another refuses it.
    """
    queue = command.runner.queue
    workers = serving(queue, servers)
    if not workers:
        raise UsageError(
            f"No worker that the bot knows serves the queue {queue} of {command.name}. See /run."
        )
    environments = environments_of(workers)
    if len(environments) > 1:
        raise UsageError(
            f"The workers of the queue {queue} are in several environments: "
            f"{', '.join(environments)}. Nothing was done: give each environment a queue of its "
            "own."
        )
    (environment,), host = environments, work_key(queue)
    job = _job(command, asked, environments)
    deadline = asked.at + timedelta(seconds=command.accept_within)
    send_by = asked.at + timedelta(seconds=max(command.accept_within, MIN_SEND_WINDOW))
    request = _request(command, job, environment, host, deadline, source)
    run = RunRecord(
        job.id,
        host,
        request.id,
        request.attempt,
        send_by,
        command.timeout,
        retries=command.runner.retry,
    )
    sending = OutboxMessage(request.id, job.id, host, INPUT, host, request, True, send_by)
    return NewJob(job, (run,), (sending,))


def _job(command: Command, asked: Invocation, environments: Sequence[str]) -> Job:
    return Job(
        id=new_id(),
        key=asked.key,
        command=command.name,
        arguments=command.model_dump(mode="json"),
        title=title_of(command),
        environment=", ".join(environments),
        app=command.target.app,
        asked_by=asked.asker,
        place=asked.place,
        asked=asked.at,
    )


def _some(servers: list[KnownServer], only: Collection[str] | None) -> list[KnownServer]:
    """Return those of `servers` that `only` names. Raises UsageError if there are none."""
    if only is None:
        return servers
    found = [server for server in servers if server.facts.host in only]
    if not found:
        were = "its server" if len(only) == 1 else "its servers"
        raise UsageError(
            f"The bot does not know {were} any more: {named(sorted(only), 5)}. See /servers.",
            field="host",
        )
    return found


def title_of(command: Command) -> str:
    """Return how the command is called in a post; if an extension's own words fail, by its name and
    target."""
    try:
        return str(command.title())
    except Exception:
        log.exception("the title of a command failed", command=command.name)
        target = command.target
        parts = (command.name, target.app, target.environment, target.host)
        return " ".join(part for part in parts if part)


def _request(
    command: Command,
    job: Job,
    environment: str,
    host: str | None,
    deadline: datetime,
    source: str,
) -> Request:
    return Request(
        source=source,
        time=job.asked,
        job=job.id,
        command=command.name,
        arguments=job.arguments,
        environment=environment,
        host=host,
        deadline=deadline,
        timeout=command.timeout,
        requester=job.asked_by,
    )
