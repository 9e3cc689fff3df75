"""Final reports are written to disk, then sent, then marked as reported once RabbitMQ has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from baton.agent.journal import Entry, Journal
from baton.agent.verdicts import RESTARTED, closing_update
from baton.bus.messages import LAST_SEQUENCE, Message, Pong, Request, Update
from baton.errors import JournalUnavailable
from baton.server import Server

log = structlog.get_logger(__name__)


class Ends(Protocol):
    """The part of a journal in which it is written how runs ended."""

    async def record_end(self, request: str, attempt: int, final: Message) -> None:
        """Remember how a run ended, until that is reported."""

    def mark_reported(self, request: str, attempt: int) -> None:
        """Remember that RabbitMQ has the closing message."""


class Reports:
    """These make sure that the final report of every run arrives.

    `tell` passes a message to the observers; `confirmed` is called for each message that RabbitMQ
    has.
    """

    def __init__(self, ends: Ends, tell: Callable[[Message], None]) -> None:
        self._ends = ends
        self._tell = tell
        self._unconfirmed: set[str] = set()

    async def record(self, request: Request, final: Message) -> None:
        """Write `final` in the journal, and report it."""
        try:
            await self._ends.record_end(request.id, request.attempt, final)
        except JournalUnavailable as error:
            # it is still said; after a crash `interrupted` would be said too, too late to count
            log.error("journal unavailable", error=str(error))
        self.report(final)

    def report(self, final: Message) -> None:
        """Report a closing message that the journal holds."""
        self._unconfirmed.add(final.id)
        self._tell(final)

    def confirmed(self, message: Message) -> None:
        """Mark a closing message as reported: RabbitMQ has `message`."""
        if message.id in self._unconfirmed and isinstance(message, Update | Pong):
            self._unconfirmed.discard(message.id)
            self._ends.mark_reported(message.request, message.attempt)


class FinalReports(Reports):
    """These are the reports of an agent, also of what an earlier life of it left open."""

    def __init__(self, journal: Journal, server: Server, tell: Callable[[Message], None]) -> None:
        super().__init__(journal, tell)
        self._journal = journal
        self._server = server
        self._catching_up = asyncio.Lock()
        self.caught_up = False
        """Whether what an earlier life left open has been read; before that nothing is started."""

    async def catch_up(self) -> None:
        """Report what an earlier life of this agent left open, once.

        Raises JournalUnavailable if that cannot be read.
        """
        async with self._catching_up:
            if self.caught_up:
                return
            entries = await self._journal.open_entries()
            self.caught_up = True
        await asyncio.gather(*(self._report_left(entry) for entry in entries))

    async def _report_left(self, entry: Entry) -> None:
        if entry.final is not None:
            self.report(entry.final)
        elif entry.request is not None:
            log.warning(
                "interrupted by a restart", job=entry.request.job, command=entry.request.command
            )
            update = closing_update(entry.request, self._server, RESTARTED, sequence=LAST_SEQUENCE)
            await self.record(entry.request, update)
