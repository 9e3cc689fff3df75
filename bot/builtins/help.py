"""`/help`: what can be asked."""

from __future__ import annotations

from typing import Annotated, ClassVar

from typing_extensions import override

from baton.errors import UsageError
from baton.extensions import Commands
from baton.fields import Positional
from baton.text.words import cited, did_you_mean
from bot.dispatch.audit_log import AuditLog
from bot.dispatch.builtin import BuiltinCommand, Handler
from bot.dispatch.command_form import form_of
from bot.dispatch.context import CommandContext
from bot.dispatch.reply import Reply


class HelpCommand(BuiltinCommand):
    """List the available commands, or show how one is used."""

    name: ClassVar[str] = "help"
    command: Annotated[str | None, Positional] = None


class HelpHandler(Handler[HelpCommand]):
    """Answers /help from `commands`."""

    def __init__(self, commands: Commands, audit: AuditLog) -> None:
        self._commands = commands
        self._audit = audit

    @override
    async def handle(self, command: HelpCommand, context: CommandContext) -> Reply:
        if command.command is None:
            await self._audit.write_or_log(context.invocation, "answered")
            return Reply(help_text(self._commands))
        name = command.command.removeprefix("/")
        if name not in self._commands:
            hint = did_you_mean(name, self._commands)
            raise UsageError(f"Unknown command {cited(name)}.{hint}")
        await self._audit.write_or_log(context.invocation, "answered")
        return Reply(self._commands[name].command.help(), form_of=form_of(self._commands, name))


def help_text(commands: Commands) -> str:
    """Return what can be asked: a usage line each, and under it a summary."""
    usages = (
        f"{extension.command.usage()}\n    {extension.command.summary()}"
        for extension in commands.values()
    )
    return "\n".join(["Available commands. For details: /help COMMAND", "", *sorted(usages)])
