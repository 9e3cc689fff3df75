"""The audit sealer keeps the chain of the audit log closed, and has its head posted each day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from baton.bus.messages import now
from bot.jobs import Place
from bot.store.audit.audit_chain import BATCH_SIZE, AuditChain

SEAL_INTERVAL = 1.0
"""Seconds within which an entry of the audit log is sealed."""


class AuditSealer:
    """Seals the entries of `chain`. Once a day, from midnight UTC on, its head is posted in `heads`
    if that is given."""

    def __init__(
        self,
        chain: AuditChain,
        heads: Place | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._chain = chain
        self._heads = heads
        self._clock = clock
        self._posted: date | None = None

    async def round(self) -> float | None:
        """Seal what waits. Return how soon to go on if there is more. Raises
        DatabaseUnavailable."""
        if await self._chain.seal() == BATCH_SIZE:
            return 0.0
        at = self._clock().astimezone(UTC)
        if self._heads is not None and self._posted != at.date():
            await self._chain.show_head(self._heads, at)
            self._posted = at.date()
        return None
