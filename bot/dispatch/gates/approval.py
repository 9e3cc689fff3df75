"""The gates of approval and of confirming: people have to agree first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bot.dispatch.gates.finding import Finding, Held, Open
from bot.dispatch.gates.holding import rules_of
from bot.dispatch.gates.situation import Gate, Intent, Situation
from bot.dispatch.gates.tables import GateTable
from bot.holds import Approvals
from bot.signers import how


class ApprovalGate(Gate):
    """Says whose approval `rules`, which are about the ask, want, and whose signatures the servers
    count."""

    def __init__(self, rules: Sequence[GateTable]) -> None:
        self._rules = rules

    @override
    def look(self, situation: Situation) -> Finding:
        """Return that it is held, if somebody else has to approve it."""
        _, approvals = _of(self._rules, situation.intent)
        if not approvals and not situation.signers:
            return Open("approval", "Nobody else has to approve it.")
        signers = situation.signers
        needs = [f"approvals 0 of {rule.need} ({rule.whom} may)" for rule in approvals]
        text = f"It waits for {'; '.join([*needs, *(one.words() for one in signers)])}"
        text += f": {how(signers)}." if signers else "."
        whom = [rule.whom for rule in approvals] or [one.names(one.of) for one in signers]
        return Held("approval", text, " and ".join(whom))


class ConfirmGate(Gate):
    """Says whether the one who asks has to confirm it, by `rules`, which are about the ask."""

    def __init__(self, rules: Sequence[GateTable]) -> None:
        self._rules = rules

    @override
    def look(self, situation: Situation) -> Finding:
        """Return that it is held, if they have to."""
        confirm, _ = _of(self._rules, situation.intent)
        if not confirm:
            return Open("confirm", "It has not to be confirmed.")
        text = "You are shown what would change, and have to confirm it."
        return Held("confirm", text, situation.asker.label)


def _of(rules: Sequence[GateTable], intent: Intent) -> tuple[bool, tuple[Approvals, ...]]:
    if not intent.changes:
        return False, ()
    confirm, approvals, _ = rules_of(rules)
    return confirm, approvals
