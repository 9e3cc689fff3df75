"""A dispatcher for tests: keeps what it is asked, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from baton.bus.messages import Person, now
from baton.command import Command
from baton.consumer import Extension
from baton.extensions import Commands
from baton.fields import Name
from bot.dispatch.command_form import CommandForm, begun, command_form, filled_so_far
from bot.dispatch.plan import Plan
from bot.dispatch.protocol import GroupLookup
from bot.dispatch.reply import Reply
from bot.jobs import AuditEntry, Place


class Deploy(Command):
    """Put a version of an app on its servers."""

    name = "deploy"
    app: Name
    environment: Name


class Ping(Command):
    """Ask who is there."""

    name = "ping"
    environment: Name


class Servers(Command):
    """Show the servers."""

    name = "servers"


class Jobs(Command):
    """Show the latest jobs: it has no slash command of its own."""

    name = "jobs"


COMMANDS = Commands([Extension(Deploy), Extension(Ping), Extension(Servers), Extension(Jobs)])


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing the dispatcher was asked; a cancel has the job as its text."""

    kind: str
    text: str
    asker: Person
    place: Place
    key: str = ""


@dataclass
class FakeDispatcher:
    """`gate` holds every ask back while it is not set; `reply` may raise."""

    reply: Callable[[str], Reply] = lambda text: Reply(f"Taken: {text}", job="j1")
    commands: Commands = field(default_factory=lambda: COMMANDS)
    asks: list[Ask] = field(default_factory=list)
    groups: frozenset[str] | None = None
    wants_groups: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0
    had: dict[str, AuditEntry] = field(default_factory=dict)
    """What each key began: whatever got a good reply."""

    def __post_init__(self) -> None:
        self.gate.set()

    async def ask(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place, key: str
    ) -> Reply:
        return await self._taken(Ask("ask", text, asker, place, key), groups)

    async def plan(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place
    ) -> Plan | Reply:
        raise NotImplementedError("no chat asks for plans")

    async def form(
        self, text: str, *, asker: Person, groups: GroupLookup, place: Place
    ) -> CommandForm | Reply:
        command, words = begun(self.commands, text)
        return command_form(command, {}, filled_so_far(command, words))

    async def started_by(self, key: str) -> AuditEntry | None:
        return self.had.get(key)

    async def cancel(
        self, job: str, *, asker: Person, groups: GroupLookup, place: Place, key: str = ""
    ) -> Reply:
        return await self._taken(Ask("cancel", job, asker, place, key), groups)

    async def ask_in_thread(
        self, text: str, place: Place, *, asker: Person, groups: GroupLookup, key: str = ""
    ) -> Reply:
        return await self._taken(Ask("ask_in_thread", text, asker, place, key), groups)

    async def _taken(self, ask: Ask, groups: GroupLookup) -> Reply:
        self.asks.append(ask)
        if ask.text == "help":
            return Reply("What can be asked\n\n/deploy APP ENVIRONMENT\n/jobs")
        if ask.text.startswith("help "):
            return Reply(COMMANDS[ask.text[5:]].command.help())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.wants_groups:
                self.groups = await groups()
            await self.gate.wait()
        finally:
            self.at_once -= 1
        reply = self.reply(ask.text)
        if reply.ok:
            entry = AuditEntry(now(), ask.asker, ask.place, ask.text, "allowed", job=reply.job)
            self.had[ask.key] = entry
        return reply
