"""The base classes of what the bot answers itself: a command (the words) and its handler (the
work), as what servers run is a command and its consumer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from baton.command import Command, Reach
from bot.dispatch.context import CommandContext
from bot.dispatch.gates.looked import Looked
from bot.dispatch.plan import Later
from bot.dispatch.planner import Denied
from bot.dispatch.reply import Reply

C = TypeVar("C", bound=Command)
Handled = TypeVar("Handled", bound=Command, contravariant=True)


class BuiltinCommand(Command):
    """The words of a command that the bot answers itself."""

    reach: ClassVar[Reach] = Reach.HERE
    changes: ClassVar[bool] = False
    starts_jobs: ClassVar[bool] = False
    """Whether it starts a job at once, so that `--why` and `--break-glass` may stand beside it."""


class Handler(Protocol[Handled]):
    """Answers one command. What it needs is given to its constructor."""

    async def handle(self, command: Handled, context: CommandContext) -> Reply:
        """Answer `command`, as `context` says who asks it. Raises UsageError if its words cannot
        be followed, and DatabaseUnavailable if nothing was done."""

    async def plan(
        self, command: Handled, context: CommandContext
    ) -> Looked | Later | Denied | None:
        """Return the job that `command` would start, now or later, or why it would be refused; None
        if it starts none. Nothing is written. Raises UsageError and DatabaseUnavailable."""
        return None


@dataclass(frozen=True, slots=True)
class Builtin(Generic[C]):
    """A command, and who answers it."""

    command: type[C]
    handler: Handler[C]
