"""A command that goes through servers in waves, and the way back."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from baton.consumer import Extension
from baton.extensions import Commands
from bot.app.dispatching import commands_of
from tests.bot.build import Hail
from tests.bot.build import Ship as Plain


class Ship(Plain):
    """Put an app on the servers of an environment, with a way back."""

    @override
    def undo(self) -> str:
        return f"unship {self.app} {self.environment}"


class Unship(Plain):
    """Take an app back."""

    name: ClassVar[str] = "unship"


COMMANDS = commands_of(Commands([Extension(Ship), Extension(Unship), Extension(Hail)]))
