"""The gate of waves: it stops nobody, and says how a job goes through its servers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from bot.dispatch.gates.finding import Finding, Open
from bot.dispatch.gates.holding import rollout_by
from bot.dispatch.gates.situation import Gate, Situation
from bot.dispatch.gates.tables import GateTable
from bot.rollout.words import planned_words


class WavesGate(Gate):
    """Says in which waves a job goes, by `rules`, which are about it, and by what was said with
    it."""

    def __init__(self, rules: Sequence[GateTable]) -> None:
        self._rules = rules

    @override
    def look(self, situation: Situation) -> Finding:
        """Return that it is open, and the waves."""
        intent = situation.intent
        servers = len(intent.hosts)
        settings = (
            rollout_by(self._rules, situation.asked.rollout, servers) if intent.changes else None
        )
        if settings is None or not servers:
            return Open("waves", "It goes in no waves: all of its servers begin at once.")
        return Open("waves", f"It goes by rollout: {planned_words(settings, servers)}.")
