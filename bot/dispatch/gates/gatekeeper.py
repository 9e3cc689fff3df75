"""The gatekeeper: between an ask and its start. It plans the job, loads the situation, and asks all
gates. Nothing starts a job beside it.

    planner -> a job -> gatekeeper -> ledger
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from baton.bus.messages import Person, now
from baton.command import Command
from baton.errors import BatonError
from bot.dispatch.authorizer import Authorizer, undecided
from bot.dispatch.context import CommandContext
from bot.dispatch.gates.approval import ApprovalGate, ConfirmGate
from bot.dispatch.gates.finding import Finding, Refused, first_refusal
from bot.dispatch.gates.freeze import FreezeGate
from bot.dispatch.gates.freeze_file import FreezesInForce
from bot.dispatch.gates.looked import Looked
from bot.dispatch.gates.permission import PermissionGate
from bot.dispatch.gates.situation import Gate, Intent, Situation, intent_of
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.planner import Denied, Planner, title_of
from bot.dispatch.policy import Refusal
from bot.dispatch.protocol import GroupLookup


class Gatekeeper:
    """Says what every gate says of an ask, and lets jobs start."""

    def __init__(
        self,
        planner: Planner,
        authorizer: Authorizer,
        clock: Callable[[], datetime] = now,
        rules: Sequence[GateTable] = (),
        freezes: FreezesInForce | None = None,
    ) -> None:
        self._planner = planner
        self._authorizer = authorizer
        self._freezes = freezes or FreezesInForce()
        self._clock = clock
        self._rules = rules

    async def look(
        self, command: Command, context: CommandContext, only: Collection[str] | None = None
    ) -> Looked | Denied:
        """Return the job that `command` makes, for those of its servers that `only` names if it
        names any, and what every gate says of it. It is Denied only to somebody who has no
        permission. Nothing is written.

        Raises UsageError if no known server is meant, and DatabaseUnavailable.
        """
        asker = context.invocation.asker
        found = await self._planner.authorize_and_plan(command, context, only)
        if isinstance(found, Denied):
            return await self._denied(command, found, context)
        hosts = {run.host for run in found.runs}
        intent = intent_of(command, found.job.environment, hosts, found.job.title)
        reason = context.break_glass
        return Looked(found, await self.findings(intent, asker, context.groups, reason))

    async def admit(
        self, command: Command, context: CommandContext, only: Collection[str] | None = None
    ) -> Looked | Denied:
        """Return the job that `command` makes if no gate refuses it, else why not. Raises as
        `look` does."""
        found = await self.look(command, context, only)
        return found if isinstance(found, Denied) else await self.let_in(found, context)

    async def let_in(self, found: Looked, context: CommandContext) -> Looked | Denied:
        """Return `found`, which is to be written into the ledger now, if no gate refuses it."""
        refused = found.refused
        if refused is not None:
            return Denied(refused.refusal, found.new.job.environment, found.findings)
        return found

    async def refusal(
        self, intents: Collection[Intent], asker: Person, groups: GroupLookup
    ) -> Refusal | None:
        """Return why `asker` may not start one of `intents`; None if no gate refuses any. For what
        starts without a job: a request that is sent again."""
        for intent in intents:
            refused = first_refusal(await self.findings(intent, asker, groups))
            if refused is not None:
                return refused.refusal
        return None

    async def findings(
        self, intent: Intent, asker: Person, groups: GroupLookup, break_glass: str = ""
    ) -> tuple[Finding, ...]:
        """Return what every gate says of `intent`, also of one whose job is in the ledger: before
        it starts, and before each of its waves. Raises DatabaseUnavailable."""
        gates: Sequence[Gate] = (
            PermissionGate(self._authorizer.policy),
            FreezeGate(self._freezes.freezes),
            ApprovalGate(self._rules),
            ConfirmGate(self._rules),
        )
        situation = Situation(intent, asker, frozenset(), self._clock(), break_glass)
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
        asker, groups = context.invocation.asker, context.groups
        others = await self.findings(intent, asker, groups, context.break_glass)
        return replace(found, findings=(mine, *others[1:]))
