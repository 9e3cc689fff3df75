"""Approvals that count at the server: people sign a plan with keys of their own, and the agent of
each server counts the signatures itself, whatever its bot says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from baton.agent.trust.allow import AllowTable, ApproveTable
from baton.bus.messages import Request
from baton.bus.plans import plan_digest
from baton.bus.signing.approver_ring import ApproverRing
from baton.command import Command

MAX_DOUBTS = 3
"""Approvals of which a refusal says why they do not count."""


class ApprovalCounter:
    """It counts the approvals of requests by the rules of `[allow]`; what changes nothing needs
    none. Without rules it loads nothing.

    Raises SigningNotInstalled if there are rules and signatures cannot be verified.
    """

    def __init__(self, table: AllowTable) -> None:
        self._rules: Sequence[tuple[ApproveTable, ApproverRing]] = [
            (rule, ApproverRing(rule.of, rule.pages)) for rule in table.approve
        ]

    def asks(self, request: Request, command: Command) -> bool:
        """Return whether `request` needs approvals here."""
        return bool(self._matching(request, command))

    def missing(
        self, request: Request, command: Command, host: str, at: datetime, forgotten: float
    ) -> str:
        """Return why `request` may not start on `host` for lack of approvals; empty if it may.

        Approvals from before `forgotten`, until when the journal has forgotten what it did, do not
        count: they may have been used.
        """
        rules = self._matching(request, command)
        need = max((rule.need for rule, _ in rules), default=0)
        plan = request.plan
        if plan is None:
            return f"it needs {_approvals(need)}, and nobody was asked: there is no plan in it"
        digest, since = plan_digest(plan), datetime.fromtimestamp(forgotten, UTC)
        fresh = [one for one in request.approvals if one.at > since]
        for rule, ring in rules:
            counted = ring.counted(digest, fresh, at)
            if len(counted.keys) < rule.need:
                names = sorted(key.name or key.fingerprint for key in counted.keys)
                said = "; ".join([", ".join(names) or "nobody", *counted.doubts[:MAX_DOUBTS]])
                may = ", ".join(key.name or key.fingerprint for key in rule.of[:5])
                return (
                    f"it needs {_approvals(rule.need)} signed with the keys of {may}, of the last"
                    f" 24 hours, and has those of {said}. To sign: baton approve JOB --sign"
                )
        return ""

    def _matching(
        self, request: Request, command: Command
    ) -> Sequence[tuple[ApproveTable, ApproverRing]]:
        if not command.changes:
            return []
        return [
            (rule, ring)
            for rule, ring in self._rules
            if rule.facts.asks(request.command, command.target.app)
        ]


def _approvals(need: int) -> str:
    return f"{need} approval" + ("s" if need != 1 else "")
