"""`/why`: what stands in the way of a request, without asking for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from baton.errors import UsageError
from baton.fields import Positional
from baton.text.words import joined
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply

Why = Callable[[str, CommandContext], Awaitable[Reply]]
"""Returns what every gate says of these words. Raises UsageError."""


class WhyCommand(BuiltinCommand):
    """Show what stands in the way of a request, without asking for it.

    Every gate is in the list, and whether the servers have the same settings. `/deploy shop prod
    --why` is the same.
    """

    name: ClassVar[str] = "why"
    verbatim: ClassVar[bool] = True
    example: ClassVar[str] = "/why deploy shop prod"
    words: Annotated[tuple[str, ...], Positional] = Field(
        default=(), description="the request, such as deploy shop prod", examples=["deploy"]
    )

    @classmethod
    def usage(cls) -> str:
        """Return the usage line: a request."""
        return "/why REQUEST"


class WhyHandler(Handler[WhyCommand]):
    """Answers /why with what `why` finds."""

    def __init__(self, why: Why) -> None:
        self._why = why

    @override
    async def handle(self, command: WhyCommand, context: CommandContext) -> Reply:
        if not command.words:
            raise UsageError("Write the request after /why.", f"Example: {command.example}")
        return await self._why(joined(command.words), context)
