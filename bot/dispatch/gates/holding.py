"""From an ask and the rules to a job that is held. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from baton.bus.messages import Request, State
from baton.bus.plans import SurveyFacts, make_plan, plan_digest
from baton.command import Command, Reach
from baton.errors import UsageError
from bot.dispatch.gates.tables import EXPIRES, GateTable
from bot.holds import Approvals, Hold
from bot.jobs import Job, NewJob
from bot.rollout.settings import RolloutSettings, strictest
from bot.rollout.state import RolloutState
from bot.signers import Signers

log = structlog.get_logger(__name__)


def rules_of(
    found: Sequence[GateTable],
) -> tuple[bool, tuple[Approvals, ...], float]:
    """Return whether the asker of what these rules are about has to confirm it, whose approvals it
    needs, and after how many seconds it ends by itself: the shortest time of them all."""
    needs: dict[tuple[str, ...], int] = {}
    for gate in found:
        if gate.approvals:
            of = tuple(sorted(gate.of))
            needs[of] = max(needs.get(of, 0), gate.approvals)
    approvals = tuple(Approvals(need=need, of=of) for of, need in sorted(needs.items()))
    expires = min((gate.expires for gate in found), default=0.0)
    return any(gate.confirm for gate in found), approvals, expires


def rollout_by(
    rules: Iterable[GateTable], said: RolloutSettings | None, servers: int
) -> RolloutSettings | None:
    """Return how a job goes through so many servers by `rules` that match, and as whoever asks has
    `said`; None if nobody says anything of that."""
    wanted = [one for one in (said, *(rule.rollout for rule in rules)) if one is not None]
    return strictest(wanted, servers) if wanted else None


def held_if_ruled(
    new: NewJob,
    command: Command,
    rules: Sequence[GateTable],
    signers: tuple[Signers, ...],
    at: datetime,
    *,
    whole: bool,
    said: RolloutSettings | None = None,
) -> NewJob:
    """Return `new` as it is written into the ledger: held, and nothing sent, if one of `rules`,
    which are about it, asks people first, if its servers count signatures, those of `signers`, or
    if it goes in waves, by a rule or as whoever asks has `said`. `whole` says that it is for all
    servers that its words mean."""
    if not command.changes:
        return new
    confirm, approvals, expires = rules_of(rules)
    rollout = _rollout(new, command, rules, said)
    if not confirm and not approvals and not signers and rollout is None:
        return new
    hold = Hold(
        since=at,
        until=at + timedelta(seconds=expires or EXPIRES),
        confirm=confirm,
        approvals=approvals,
        accept_within=command.accept_within,
        environments=_environments(new),
        whole=whole,
        survey=command.surveys,
        signers=signers,
        rollout=rollout,
    )
    runs = tuple(replace(run, state=State.HELD, deadline=hold.until) for run in new.runs)
    job = replace(new.job, hold=hold)
    return NewJob(job if hold.survey else planned(job, [run.host for run in runs]), runs, ())


def _rollout(
    new: NewJob, command: Command, rules: Sequence[GateTable], said: RolloutSettings | None
) -> RolloutState | None:
    """Return how `command` goes through its servers; None if nobody said anything of that. What
    nothing takes back does not go back by itself by a rule. Raises UsageError if it cannot go as
    whoever asks has said: of what runs a job again this is known only now."""
    if command.reach is not Reach.EACH:
        if said is not None:
            raise UsageError(
                f"/{command.name} is not sent to each server by itself, so it cannot go in waves. "
                "Nothing was done."
            )
        return None
    undo = bool(undo_of(command))
    if said is not None and said.back and not undo:
        raise UsageError(
            f"/{command.name} cannot be taken back. Leave out --back. Nothing was done."
        )
    settings = rollout_by(rules, said, len(new.runs))
    if settings is None:
        return None
    if not undo:
        settings = settings.model_copy(update={"back": False})
    return RolloutState(settings=settings, can_undo=undo)


def undo_of(command: Command) -> str:
    """Return the words of the command that takes `command` back; none if nothing does, or if an
    extension's own code fails to say."""
    try:
        return str(command.undo())
    except Exception:
        log.exception("it is not known what takes a command back", command=command.name)
        return ""


def planned(job: Job, hosts: Collection[str]) -> Job:
    """Return `job` with its plan, of a command of which no server says more than its name."""
    facts = {host: SurveyFacts() for host in hosts}
    plan = make_plan(job.id, job.command, job.arguments, facts)
    return replace(job, plan=plan.model_dump(mode="json"), plan_digest=plan_digest(plan))


def _environments(new: NewJob) -> dict[str, str]:
    """Return the environment of each server, if they are in several."""
    if ", " not in new.job.environment:
        return {}
    return {
        sending.host: sending.message.environment
        for sending in new.outbox
        if sending.host and isinstance(sending.message, Request)
    }
