"""What this front end needs of the bot: somebody to bring people's words to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from baton.extensions import Commands
from baton.messages import Person
from bot.dispatch.reply import Reply
from bot.jobs import AuditEntry, Place

Groups = Callable[[], Awaitable[frozenset[str]]]
"""Looks up the user groups of the one who asks. Raises BatonError if it cannot be known."""


class Desk(Protocol):
    """Takes what people ask. What BatonError a method raises is told to the one who asked."""

    @property
    def commands(self) -> Commands:
        """What can be asked."""

    async def ask(
        self, text: str, *, asker: Person, groups: Groups, place: Place, key: str
    ) -> Reply:
        """Take `deploy shop prod`. `key` names this ask: the same key again is the same ask."""

    async def begun(self, key: str) -> AuditEntry | None:
        """What the ask `key` has begun, if anything."""

    async def cancel(
        self, job: str, *, asker: Person, groups: Groups, place: Place, key: str = ""
    ) -> Reply:
        """Stop what is left of a job."""

    async def cancel_in_thread(
        self, place: Place, *, asker: Person, groups: Groups, key: str = ""
    ) -> Reply:
        """Stop the job that is shown in the thread of `place`."""
