"""`baton dead list | resend`: messages that could not be processed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baton.errors import SettingsError
from baton.text.printable import printable
from bot.cli.logs import LogLevel, set_up_logs
from bot.cli.options import ConfigOption

if TYPE_CHECKING:
    from baton.bus.dead_letters import FoundLetters

MostOption = Annotated[int, typer.Option(help="How many messages to read at most.", min=1)]

app = typer.Typer(help="List and resend dead-lettered messages.", no_args_is_help=True)


@app.command("list")
def dead_list(config: ConfigOption = None, most: MostOption = 100) -> None:
    """Show the dead letters, oldest first."""
    set_up_logs(LogLevel.ERROR)
    from baton.bus.dead_letters import list_letters, open_bus

    async def look() -> FoundLetters:
        async with open_bus(_bus(config)) as channel:
            return await list_letters(channel, most)

    found = asyncio.run(look())
    for letter in found.letters:
        typer.echo(letter)
    if not found.total:
        typer.echo("There are no dead letters.")
    _say_bound(found)


@app.command("resend")
def dead_resend(
    ids: Annotated[list[str] | None, typer.Argument(help="The IDs that `dead list` shows.")] = None,
    all_letters: Annotated[bool, typer.Option("--all", help="Resend all dead letters.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Resend requests without asking.")] = False,
    config: ConfigOption = None,
    most: MostOption = 1000,
) -> None:
    """Send dead letters again, to where they were addressed.

    With --all, a request to servers is sent only if the bot itself had sent it, and after you have
    confirmed it. What is past its deadline is not sent.
    """
    if bool(ids) == all_letters:
        raise typer.BadParameter("give message IDs, or --all")
    set_up_logs(LogLevel.ERROR)
    from baton.bus.dead_letters import (
        Resent,
        list_letters,
        open_bus,
        resend,
        to_confirm,
    )

    async def look() -> FoundLetters:
        async with open_bus(_bus(config)) as channel:
            return await list_letters(channel, most)

    agreed: set[str] = set()
    if all_letters:
        found = asyncio.run(look())
        _say_bound(found)
        for letter in to_confirm(found.letters):
            if yes or typer.confirm(f"Send again to {letter.order} ({letter.name})?"):
                agreed.add(letter.name)

    async def send() -> Resent:
        async with open_bus(_bus(config)) as channel:
            return await resend(channel, ids or (), most, agreed=lambda one: one.name in agreed)

    made = asyncio.run(send())
    for letter in made.done:
        typer.echo(printable(f"sent again: {letter.name}  {letter.type}, to {letter.key}"))
    for letter, reason in made.left:
        typer.echo(printable(f"not sent: {letter.name}: {reason}."), err=True)
    known = {letter.name for letter in (*made.done, *(letter for letter, _ in made.left))}
    missing = set(ids or ()) - known
    for name in sorted(missing):
        typer.echo(printable(f"unknown ID: {name}"), err=True)
    if missing or made.left:
        raise typer.Exit(1)


def _say_bound(found: FoundLetters) -> None:
    """Say on stderr if these are not all letters."""
    if found.bound:
        typer.echo(f"These are {found.bound}. To read more, give --most NUMBER.", err=True)


def _bus(config: Path | None) -> list[str]:
    """Return the URLs of RabbitMQ, by the settings file of a bot or an agent."""
    from baton.agent.settings import AGENT_VARIABLES, AgentSettings
    from baton.settings import load

    urls = load(AgentSettings, config, AGENT_VARIABLES, os.environ).bus.urls
    if not urls:
        raise SettingsError(
            file=str(config) if config else "the environment",
            key="bus.url",
            problem="is not set",
            must="a URL such as amqps://user:password@host (or set BATON_BUS_URL)",
        )
    return urls
