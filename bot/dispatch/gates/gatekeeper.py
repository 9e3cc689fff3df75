"""The gatekeeper: between an ask and its start. It plans the job, loads the situation, and asks all
gates. Nothing starts a job beside it.

    planner -> a job -> gatekeeper -> ledger
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from baton.bus.messages import Request, new_id, now
from baton.command import Command, Known
from baton.errors import BatonError
from bot.dispatch.authorizer import Authorizer, undecided
from bot.dispatch.context import CommandContext
from bot.dispatch.gates.approval import ApprovalGate, ConfirmGate
from bot.dispatch.gates.finding import Finding, Refused, first_refusal, holds
from bot.dispatch.gates.freeze import FreezeGate
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.lock import LockGate, meets, overtaken
from bot.dispatch.gates.looked import Looked
from bot.dispatch.gates.permission import PermissionGate
from bot.dispatch.gates.settings import SettingsGate
from bot.dispatch.gates.situation import (
    Asked,
    Gate,
    Intent,
    Order,
    Situation,
    intent_of,
    intent_of_job,
    servers_of,
)
from bot.dispatch.gates.tables import GateRules
from bot.dispatch.gates.waves import WavesGate
from bot.dispatch.planner import Denied, Planner, title_of
from bot.dispatch.policy import Refusal
from bot.dispatch.protocol import GroupLookup
from bot.jobs import CONSOLE, Job, NewJob, OutboxMessage, Place
from bot.locks import Lock
from bot.store import Store
from bot.store.jobs.new_jobs import Overtaken
from bot.store.safety.broken_freezes import BrokenFreeze
from bot.store.safety.lock_store import InForce

log = structlog.get_logger(__name__)


class Gatekeeper:
    """Says what every gate says of an ask, and lets jobs start. That somebody breaks a freeze is
    said in the channel `loud`, if there is one, wherever they asked."""

    def __init__(
        self,
        planner: Planner,
        authorizer: Authorizer,
        store: Store,
        known: Known,
        clock: Callable[[], datetime] = now,
        rules: GateRules | None = None,
        freezes: FreezesInForce | None = None,
        loud: Place | None = None,
    ) -> None:
        self._planner = planner
        self._authorizer = authorizer
        self._known = known
        self._locks = store.locks
        self._broken = store.broken_freezes
        self._freezes = freezes or FreezesInForce()
        self._clock = clock
        self._rules = rules or GateRules()
        self._loud = loud

    async def look(
        self, command: Command, context: CommandContext, only: Collection[str] | None = None
    ) -> Looked | Denied:
        """Return the job that `command` makes, for those of its servers that `only` names if it
        names any, and what every gate says of it. It is Denied only to somebody who has no
        permission. Nothing is written.

        Raises UsageError if no known server is meant, and DatabaseUnavailable.
        """
        found = await self._planner.authorize_and_plan(command, context, only)
        if isinstance(found, Denied):
            return await self._denied(command, found, context)
        hosts = {run.host for run in found.runs}
        intent = intent_of(command, found.job.environment, hosts, found.job.title)
        force = await self._in_force(intent)
        findings = await self._ask_gates(_asked(intent, context), context.groups, force)
        return Looked(_fenced(found, intent, force.numbers), findings)

    async def admit(
        self, command: Command, context: CommandContext, only: Collection[str] | None = None
    ) -> Looked | Denied:
        """Return the job that `command` makes if no gate refuses it, else why not. Raises as
        `look` does."""
        found = await self.look(command, context, only)
        return found if isinstance(found, Denied) else await self.let_in(found, context)

    async def let_in(self, found: Looked, context: CommandContext) -> Looked | Denied:
        """Return `found`, which is to be written into the ledger now, if no gate refuses it. That a
        freeze is broken for it is written and said first. Raises DatabaseUnavailable."""
        refused = found.refused
        if refused is not None:
            return Denied(refused.refusal, found.new.job.environment, found.findings)
        if found.broke:
            item = _broken(found, context)
            channels = _channels(item.place, self._loud)
            if not channels:
                log.warning("a freeze is broken, and no channel hears of it", said=item.text)
            await self._broken.record(item, channels)
        return found

    async def start(
        self,
        found: Looked,
        context: CommandContext,
        begin: Callable[[NewJob], Awaitable[Job]],
    ) -> Job | Denied:
        """Return the job of `found`, which was let in, once `begin` has written it into the ledger.
        If somebody has taken a lock meanwhile all gates are asked again. Raises
        DatabaseUnavailable."""
        while True:
            try:
                return await begin(found.new)
            except Overtaken:
                again = await self.let_in(await self._look_again(found.new, context), context)
            if isinstance(again, Denied):
                return again
            found = again

    async def _look_again(self, new: NewJob, context: CommandContext) -> Looked:
        intent = intent_of_job(new.job, [run.host for run in new.runs], changes=True)
        force = await self._in_force(intent)
        findings = await self._ask_gates(_asked(intent, context), context.groups, force)
        return Looked(_fenced(new, intent, force.numbers), findings)

    async def broken_by(self, job: str) -> BrokenFreeze | None:
        """Return which freezes were broken for `job`, and why; None if none was."""
        return await self._broken.of_job(job)

    async def refusal(self, orders: Collection[Order], context: CommandContext) -> Refusal | None:
        """Return why whoever asks may not have one of `orders` sent; None if no gate refuses any.
        For what starts without a job: a request that is sent again, as it was."""
        for order in orders:
            asked = _asked(order.intent, context)
            findings = await self.findings(asked, context.groups)
            refused = first_refusal(findings)
            if refused is not None:
                return refused.refusal
            newer = await self._newer_lock(order, asked)
            if newer is not None:
                return Refusal(overtaken(order.intent, newer))
            for held in holds(findings):
                return Refusal(f"{held.text} What is sent again waits for nobody: ask for it anew.")
        return None

    async def findings(self, asked: Asked, groups: GroupLookup) -> tuple[Finding, ...]:
        """Return what every gate says of what is `asked`, also of what is in the ledger: before it
        starts, and before each of its waves. Raises DatabaseUnavailable."""
        return await self._ask_gates(asked, groups, await self._in_force(asked.intent))

    async def findings_and_fences(
        self, asked: Asked, groups: GroupLookup
    ) -> tuple[tuple[Finding, ...], Mapping[str, int]]:
        """Return the same, and the number of the last lock of each environment: whoever takes one
        after that has a higher one. Raises DatabaseUnavailable."""
        force = await self._in_force(asked.intent)
        return await self._ask_gates(asked, groups, force), force.numbers

    async def _newer_lock(self, order: Order, asked: Asked) -> Lock | None:
        """Return a lock of somebody else that came after `order` was asked for: servers know its
        number only if something was sent under it."""
        if order.fence is None or not order.intent.changes:
            return None
        for environment in order.intent.environments:
            for lock in await self._locks.after(environment, order.fence):
                if meets(lock, order.intent) and not lock.owned_by(asked.asker, asked.directory):
                    return lock
        return None

    async def _in_force(self, intent: Intent) -> InForce:
        """Return the locks where `intent` changes something."""
        if not intent.changes or not intent.environments:
            return InForce((), {}, self._clock())
        return await self._locks.in_force(intent.environments)

    async def _ask_gates(
        self, asked: Asked, groups: GroupLookup, force: InForce
    ) -> tuple[Finding, ...]:
        intent = asked.intent
        rules = self._rules.about(intent.command, intent.environments, intent.app)
        gates: Sequence[Gate] = (
            PermissionGate(self._authorizer.policy),
            FreezeGate(self._freezes.about(intent.environments, intent.app)),
            LockGate(),
            ApprovalGate(rules),
            ConfirmGate(rules),
            SettingsGate(),
            WavesGate(rules),
        )
        servers = servers_of(asked.intent, self._known.servers())
        situation = Situation(asked, frozenset(), self._clock(), force.locks, servers)
        alone = tuple(gate.look(situation) for gate in gates)
        everything = replace(situation, groups=self._every_group())
        most = tuple(gate.look(everything) for gate in gates)
        if alone == most:
            return alone  # no group would change it
        try:
            known = await groups()
        except BatonError as error:
            refusal = undecided(error)
            return tuple(
                one if one == other else Refused(one.gate, refusal.text, verdict=refusal.verdict)
                for one, other in zip(alone, most, strict=True)
            )
        return tuple(gate.look(replace(situation, groups=known)) for gate in gates)

    def _every_group(self) -> frozenset[str]:
        return self._authorizer.policy.with_every_group() | self._freezes.groups()

    async def _denied(self, command: Command, found: Denied, context: CommandContext) -> Denied:
        """Return `found` with its finding; the others too if they may look at the environment."""
        refusal = found.refusal
        mine = Refused("permission", refusal.text, verdict=refusal.verdict)
        reader = self._authorizer.reader("servers", context)
        where = found.environment.split(", ")
        if not all([await reader.may_look_at(each) for each in where]):
            return replace(found, findings=(mine,))
        host = command.target.host
        intent = intent_of(command, found.environment, {host} if host else (), title_of(command))
        others = await self.findings(_asked(intent, context), context.groups)
        return replace(found, findings=(mine, *others[1:]))


def _asked(intent: Intent, context: CommandContext) -> Asked:
    made = context.invocation
    return Asked(
        intent, made.asker, made.place.directory, context.break_glass, rollout=context.rollout
    )


def _broken(found: Looked, context: CommandContext) -> BrokenFreeze:
    made, job = context.invocation, found.new.job
    return BrokenFreeze(
        new_id(),
        made.key,
        job.id,
        made.at,
        made.asker,
        made.place,
        made.text,
        job.environment,
        job.command,
        job.app,
        found.broke,
        context.break_glass,
    )


def _channels(place: Place, loud: Place | None) -> tuple[Place, ...]:
    """Return where it is said that somebody asked in `place` to break a freeze: there, unless that
    is the console, which has no posts, and in `loud`."""
    here = () if place.front == CONSOLE else (replace(place, thread=""),)
    if loud is None or (here and loud.channel in (place.channel, f"#{place.name}")):
        return here
    return (*here, loud)


def _fenced(new: NewJob, intent: Intent, numbers: Mapping[str, int]) -> NewJob:
    """Return `new` with the number of the last lock of its environment in each request: a server
    that has seen a newer one refuses it. The ledger takes it as long as these are the last ones."""
    if not intent.changes:
        return new
    fences = {each: numbers.get(each, 0) for each in intent.environments}
    return replace(
        new, outbox=tuple(_numbered(each, numbers) for each in new.outbox), fences=fences
    )


def _numbered(sending: OutboxMessage, numbers: Mapping[str, int]) -> OutboxMessage:
    request = sending.message
    number = numbers.get(request.environment) if isinstance(request, Request) else None
    if not number:
        return sending
    return replace(sending, message=request.model_copy(update={"fence": number}))
