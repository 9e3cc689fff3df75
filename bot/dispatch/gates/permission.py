"""The gate of permission: a rule of baton.toml must allow it. Pure."""

from __future__ import annotations

from bot.dispatch.gates.finding import Finding, Open, Refused
from bot.dispatch.gates.situation import Gate, Situation
from bot.dispatch.policy import Policy


class PermissionGate(Gate):
    """Asks `policy`, in whose words it refuses."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def look(self, situation: Situation) -> Finding:
        """Return whether the asker may have it."""
        asked = situation.intent.requests
        refusal = self._policy.refusal(asked, situation.asker, situation.groups)
        if refusal is None:
            return Open("permission", f"You are allowed to use /{situation.intent.command} here.")
        whom = sorted({self._policy.whom(each.environment) for each in asked})
        return Refused("permission", refusal.text, ", ".join(whom), verdict=refusal.verdict)
