"""What goes back: the job that takes another one back, on the servers where that one succeeded.

It was let in together with what it takes back, so no gate is asked again: a freeze that begins in
between keeps nobody on a bad version. It goes the newest wave first, without a canary, and with
waves of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from baton.bus.messages import State, now
from baton.command import Command, KnownServer
from baton.errors import UsageError
from baton.extensions import Commands
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.context import Invocation
from bot.dispatch.gates.holding import planned, undo_of
from bot.dispatch.planner import plan_job
from bot.holds import Hold
from bot.jobs import Job, NewJob, RunRecord, last_attempts, short_id
from bot.rollout.settings import Portion, RolloutSettings
from bot.rollout.state import RolloutState
from bot.servers.registry import ServerRegistry
from bot.signers import Signers, signers_of
from bot.store.jobs.ledger import Ledger

WITHIN = 3_600.0
"""Seconds within which it must have started."""


class Undoing:
    """Starts jobs in `ledger` that take others back; `job_changed` is called with the ID of each.
    `source` is this bot, as it signs its requests."""

    def __init__(
        self,
        commands: Commands,
        ledger: Ledger,
        servers: ServerRegistry,
        audit: AuditLog,
        job_changed: Callable[[str], None],
        source: str,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._commands = commands
        self._ledger = ledger
        self._servers = servers
        self._audit = audit
        self._job_changed = job_changed
        self._source = source
        self._clock = clock

    async def start(self, job: Job, hosts: Sequence[str], why: str) -> Job:
        """Return the job that takes `job` back on `hosts`, in this order; the same one if it is
        called again. Raises UsageError if nothing takes it back, or if no server has it any more,
        and DatabaseUnavailable."""
        words = undo_of(self._commands.build(job.command, job.arguments))
        if not words:
            raise UsageError(f"nothing takes back /{job.command}.")
        asked = Invocation(words, job.asked_by, job.place, f"undo/{job.id}", self._clock())
        begun = await self._ledger.job_of_key(asked.key)
        if begun is not None:  # by a bot that died then: it may be far by now
            return begun
        known = await self._ledger.job(job.id)
        runs = known[1] if known is not None else ()
        servers = self._servers.servers()
        still = _still(hosts, runs, servers, job.app, asked.at)
        if not still:
            raise UsageError("another version is live on each of its servers by now.")
        undo = self._commands.parse(words)
        new = plan_job(undo, asked, servers, self._source, only=still)
        signers = _signers(servers, undo, still)
        held = _held(new, job, still, undo.surveys, undo.accept_within, asked.at, signers)
        reason = f"takes back {short_id(job.id)}: {why}"
        where = new.job.environment
        entry = self._audit.entry(asked, "allowed", reason, job=new.job.id, environment=where)
        begun = await self._ledger.start_job(held, entry)
        self._job_changed(begun.id)
        return begun


def _signers(
    servers: Sequence[KnownServer], undo: Command, hosts: Collection[str]
) -> tuple[Signers, ...]:
    """Return whose signatures `hosts` count for `undo`, if all of them do: then it waits for these.
    If only some do, they refuse it, and keep no other one on the bad version."""
    meant = [one.facts for one in servers if one.facts.host in hosts]
    signers = signers_of(meant, undo.name, undo.target.app)
    counting = {host for one in signers for host in one.hosts}
    return signers if counting >= set(hosts) else ()


def _still(
    hosts: Sequence[str],
    runs: Sequence[RunRecord],
    servers: Sequence[KnownServer],
    app: str | None,
    at: datetime,
) -> list[str]:
    """Return those of `hosts` on which what was put there is live still, as far as heartbeats from
    after that tell: what somebody put there since is not touched."""
    ended = {run.host: run for run in last_attempts(runs)}
    gone = set()
    for one in servers:
        run, live = ended.get(one.facts.host), one.facts.releases.get(app or "")
        put = run.facts.get("release") if run is not None else None
        if run is None or run.finished is None or live is None or not put:
            continue
        if at - timedelta(seconds=one.silent) > run.finished and live.release != put:
            gone.add(one.facts.host)
    return [host for host in hosts if host not in gone]


def _held(
    new: NewJob,
    job: Job,
    order: Sequence[str],
    surveys: bool,
    accept_within: float,
    at: datetime,
    signers: tuple[Signers, ...],
) -> NewJob:
    """Return `new` as it takes `job` back, in waves."""
    assert job.hold is not None, job.id
    assert job.hold.rollout is not None, job.id
    settings = job.hold.rollout.settings
    known = {run.host for run in new.runs}
    hosts = [host for host in order if host in known]
    portion = settings.max_unavailable or settings.wave
    size = portion.of(len(job.hold.rollout.waves)) if portion else max(len(hosts), 1)
    waves = {host: 1 + number // size for number, host in enumerate(hosts)}
    # one server that cannot go back, or is lost meanwhile, keeps no other one on the bad version
    back = RolloutSettings(
        wave=portion, max_unavailable=Portion(max(len(hosts), 1)), max_failed=len(hosts)
    )
    state = RolloutState(settings=back, waves=waves, overlooked=frozenset(hosts))
    hold = Hold(
        since=at,
        until=at + timedelta(seconds=WITHIN),
        accept_within=accept_within,
        environments={k: v for k, v in job.hold.environments.items() if k in known},
        survey=surveys,
        undoes=job.id,
        signers=signers,
        rollout=state,
    )
    runs = tuple(replace(run, state=State.HELD, deadline=hold.until) for run in new.runs)
    held = replace(new.job, hold=hold)
    return NewJob(held if surveys else planned(held, hosts), runs, ())
