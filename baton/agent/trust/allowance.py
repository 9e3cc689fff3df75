"""What an agent asks of its own file before it starts a request that it believes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from baton.agent.trust.allow import AllowTable, FileKeys, disallowed, reported
from baton.agent.trust.approvals import ApprovalCounter
from baton.bus.facts import ApproveFacts
from baton.bus.messages import Request
from baton.bus.plans import plan_digest
from baton.command import Command


class Spent(Protocol):
    """The part of a journal that knows which approvals have been used."""

    forgotten: float

    async def spend(self, plan: str, request: Request) -> bool:
        """Return whether the plan with this digest starts `request`, and no other."""


class Allowance:
    """What the table `[allow]` in the settings `file` lets this agent take.

    Raises SigningNotInstalled if approvals are to be counted and cannot be.
    """

    def __init__(self, table: AllowTable | None = None, file: str = "the settings") -> None:
        self._table = table or AllowTable()
        self._counter = ApprovalCounter(self._table)
        self._place = FileKeys(self._table, "allow", file).place

    @property
    def facts(self) -> tuple[ApproveFacts, ...]:
        """What heartbeats say of the approvals that count here."""
        return reported(self._table.approve)

    def forbidden(self, request: Request, command: Command) -> str:
        """Return why `request` for `command` is not allowed here; empty if it is."""
        return disallowed(self._table, command, request.requester.id, self._place)

    def never(self, command: Command) -> str:
        """Return why `command` is allowed here to nobody; empty if it is to somebody."""
        return disallowed(self._table, command, None, self._place)

    async def unapproved(
        self, request: Request, command: Command, host: str, journal: Spent, at: datetime
    ) -> str:
        """Return why `request` does not start on `host` for lack of approvals; empty if it may.

        Approvals start one request, once: the journal knows which. Raises JournalUnavailable.
        """
        if not self._counter.asks(request, command):
            return ""
        short = self._counter.missing(request, command, host, at, journal.forgotten)
        if not short and request.plan is not None:
            if await journal.spend(plan_digest(request.plan), request):
                return ""
            short = "its approvals have already started another request here"
        return f"{host} does not start it: {short} ({self._place('approve')}: [allow] approve)"
