"""`baton ask`, and every command of the chat as a subcommand: `baton deploy shop prod --watch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from baton.errors import BatonError, UsageError
from baton.text.words import BECAUSE, did_you_mean, joined, kept, quoted
from bot.cli.console.session import ConsoleSession, JsonOption, complain, run, show
from bot.cli.console.watching import answer

if TYPE_CHECKING:
    from baton.client import CommandHelp

WatchOption = Annotated[bool, typer.Option("--watch", help="Show how it goes until it has ended.")]
BY_NAME = "chat-command"
"""The hidden subcommand that every command of the chat runs."""
AS_TYPED: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}
"""The options of a command are the server's: they are passed on as they come."""


class ChatGroup(TyperGroup):
    """Subcommands; a name that is none of them is taken for a command of the chat."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the subcommand of that name, or the one that asks it in the chat's words."""
        found = super().get_command(ctx, cmd_name)
        return found or super().get_command(ctx, BY_NAME)


def add_chat(app: typer.Typer) -> None:
    """Add the hidden subcommand that asks in the chat's words, for the names of ChatGroup."""
    app.command(BY_NAME, hidden=True, add_help_option=False, context_settings=AS_TYPED)(by_name)


def ask(
    words: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="As in chat: deploy shop prod")
    ],
    watch: WatchOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask something in the words of the chat."""
    text = words[0] if len(words) == 1 else text_of(words)

    async def work(session: ConsoleSession) -> int:
        return await ask_text(session, text, watch=watch, as_json=as_json)

    run(work)


def by_name(
    context: typer.Context, watch: WatchOption = False, as_json: JsonOption = False
) -> None:
    """Ask a command of the chat by its name."""
    names = [context.info_name or ""]
    parent = context.parent
    while parent is not None and parent.parent is not None:
        names.insert(0, parent.info_name or "")
        parent = parent.parent
    names[0] = names[0].removeprefix("/")
    own = [] if parent is None else _own(parent)
    _need_console(names[0], own)

    async def work(session: ConsoleSession) -> int:
        if names[0] not in own:
            found = await known(session, names[0], own)
            if context.args in (["--help"], ["-h"]):
                show(
                    f"{found.help}\n\nWith --watch it is shown until it has ended; with --json it "
                    "is JSON."
                )
                return 0
        text = text_of([*names, *context.args])
        return await ask_text(session, text, watch=watch, as_json=as_json)

    run(work)


async def ask_text(session: ConsoleSession, text: str, *, watch: bool, as_json: bool) -> int:
    """Ask `text`, show the answer, and return the exit code."""
    session.on_interrupt = (
        "Stopped before the console answered. `baton jobs` shows whether it was started."
    )
    asked = await session.client.ask(text.removeprefix("/"))
    return await answer(session, asked, follow=watch, as_json=as_json)


async def known(session: ConsoleSession, name: str, own: Sequence[str]) -> CommandHelp:
    """Return the command of the chat with this name. Raises UsageError if there is none."""
    commands = {command.name: command for command in await session.client.commands()}
    if name not in commands:
        hint = did_you_mean(name, [*own, *commands])
        raise UsageError(
            f"There is no command “{name}”, neither of this program nor of the console at "
            f"{session.client.url}.{hint}"
        )
    return commands[name]


def _need_console(name: str, own: Sequence[str]) -> None:
    """Exit if `name` is none of our `own` subcommands, and there is no console to ask for it."""
    from baton.client import NotConfigured
    from baton.client.settings import load_client

    try:
        load_client()
    except NotConfigured as error:
        if name in own:
            complain(error)
        complain(
            UsageError(
                f"This program has no command “{name}”.{did_you_mean(name, own)} If it is a "
                f"command of your chat: type /{name} in Slack or in the chat that `baton demo` "
                "opens, or run `baton login URL` with the address of your console first."
            )
        )
    except BatonError as error:
        complain(error)


def text_of(words: Sequence[str]) -> str:
    """Return the words that a shell made, as one text that the bot reads as the same words."""
    lower = [word.lower() for word in words]
    if BECAUSE not in lower:
        return joined(words)
    at = lower.index(BECAUSE)
    return kept(" ".join([*map(quoted, words[:at]), BECAUSE, *words[at + 1 :]]))


def _own(context: Any) -> list[str]:
    """Return the names of the subcommands of this program."""
    commands: dict[str, TyperCommand] = getattr(context.command, "commands", {})
    return [name for name, command in commands.items() if not command.hidden]
