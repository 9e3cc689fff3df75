"""The interface that a front end uses to pass requests to the bot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from baton.bus.messages import Person
from baton.extensions import Commands
from bot.dispatch.command_form import CommandForm
from bot.dispatch.plan import Plan
from bot.dispatch.reply import Reply
from bot.jobs import AuditEntry, Place

GroupLookup = Callable[[], Awaitable[frozenset[str]]]
"""Looks up the user groups of whoever asks, by id and by handle. Raises BatonError if they cannot
be known now."""


class Dispatcher(Protocol):
    """Takes what people ask. A method raises BatonError only as it says; whatever a person should
    know stands in the Reply."""

    @property
    def commands(self) -> Commands:
        """Return what can be asked."""

    async def ask(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place, key: str
    ) -> Reply:
        """Take `deploy shop prod`. `key` names this ask: the same key again is the same ask, and
        starts nothing new."""

    async def plan(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place
    ) -> Plan | Reply:
        """Return what `text` would reach, or why there is no plan of it. It does nothing, and
        nothing of it is recorded."""

    async def form(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place
    ) -> CommandForm | Reply:
        """Return the form of the command that `text` begins, filled in so far, or why there is
        none. It does nothing, and nothing of it is recorded."""

    async def started_by(self, key: str) -> AuditEntry | None:
        """Return what the ask `key` started, if it started anything. Raises DatabaseUnavailable."""

    async def cancel(
        self, job: str, *, asker: Person, groups: GroupLookup, place: Place, key: str = ""
    ) -> Reply:
        """Cancel what is left of a job."""

    async def ask_in_thread(
        self, text: str, place: Place, *, asker: Person, groups: GroupLookup, key: str = ""
    ) -> Reply:
        """Take `cancel`, `approve`, `confirm`, `deny because ...`, `pause`, `go on`, `skip web-7`,
        `slower` or `back` about the job that is shown in the thread of `place`."""
