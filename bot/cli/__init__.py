"""The command line: `baton demo | init | bot | agent | doctor | alerts | dead | version`. The
composition root.

What a subcommand needs is imported when it runs: an agent has neither Slack, web nor SQL packages.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

import bot.cli.slim as _lean  # noqa: F401
from baton.errors import BatonError, BusRefused, SettingsError
from baton.text.printable import printable
from bot.cli.alerts import app as alerts_app
from bot.cli.init import app as init_app
from bot.cli.logs import LogFormat, LogLevel, set_up_logs

EXTRA = (
    "aiohttp",
    "alembic",
    "apscheduler",
    "asyncpg",
    "fastapi",
    "prometheus_client",
    "prompt_toolkit",
    "re2",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
    "starlette",
    "tzlocal",
    "uvicorn",
)
"""What the extra `bot` installs, and `baton bot` cannot do without."""

REFUSED = 78
"""The exit code (EX_CONFIG of sysexits.h) that says: to start again mends nothing, somebody must
grant a right."""

ASKED_IN_CHAT = frozenset(
    ("deploy", "ping", "servers", "schedule", "cancel", "log", "jobs", "audit", "help")
)
"""Commands of the chat that people type after `baton`."""


class AskedInChat(BatonError):
    """“{name}” is asked in chat, not in a shell: /{name} in Slack, or in the chat that `baton demo`
    opens."""

    permanent = True


class Subcommands(TyperGroup):
    """What `baton ...` knows; who types a command of the chat here is told where it is asked."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand of that name, if there is one. Raises AskedInChat."""
        found = super().get_command(ctx, cmd_name)
        if found is None and cmd_name.removeprefix("/") in ASKED_IN_CHAT:
            raise AskedInChat(name=cmd_name.removeprefix("/"))
        return found


app = typer.Typer(
    cls=Subcommands,
    help="Run your servers from chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
dead = typer.Typer(help="List dead-lettered messages and send them again.", no_args_is_help=True)
app.add_typer(dead, name="dead")


@alerts_app.callback()
def alerts_come_with_the_bot() -> None:
    """Check an alerts.toml, and what it would have told."""
    _need_extra("alerts")


app.add_typer(alerts_app, name="alerts")
app.add_typer(init_app, name="init")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The settings, a TOML file.")
]
AlertsOption = Annotated[
    Path | None, typer.Option("--alerts", help="What is watched, and who hears of it: a TOML file.")
]
LevelOption = Annotated[
    LogLevel, typer.Option("--log-level", envvar="BATON_LOG_LEVEL", help="What is logged.")
]
FormatOption = Annotated[
    LogFormat,
    typer.Option("--log-format", envvar="BATON_LOG_FORMAT", help="How the log is written."),
]
MostOption = Annotated[int, typer.Option(help="How many letters to look through.", min=1)]


class ExtraMissing(BatonError):
    """`baton {command}` needs packages that are not installed ({packages}). Install Baton with its
    extra `bot`, from the folder or the wheel that it came from: pip install '.[bot]' -c
    constraints.txt"""

    permanent = True


def _version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """Run your servers from chat."""


@app.command()
def demo(
    log_level: LevelOption = LogLevel.WARNING, log_format: FormatOption = LogFormat.AUTO
) -> None:
    """Try it in this terminal. A bot and three pretend servers in one process, and a chat."""
    _need_extra("demo")
    set_up_logs(log_level, log_format)
    from bot.demo.play import play

    raise typer.Exit(_run_until_hung_up(play()))


@app.command()
def bot(
    config: ConfigOption = None,
    alerts: AlertsOption = None,
    log_level: LevelOption = LogLevel.INFO,
    log_format: FormatOption = LogFormat.AUTO,
) -> None:
    """Run the bot of a team. Slack is on one side of it, the bus on the other."""
    _need_extra("bot")
    set_up_logs(log_level, log_format)
    from bot.serve import serve
    from bot.settings import complete, load_bot

    _say_misspelt()
    over = {} if alerts is None else {"BATON_ALERTS_FILE": str(alerts)}
    asyncio.run(serve(complete(load_bot(config, {**os.environ, **over}), config)))


@app.command()
def agent(
    config: ConfigOption = None,
    log_level: LevelOption = LogLevel.INFO,
    log_format: FormatOption = LogFormat.AUTO,
) -> None:
    """Run the agent of a server. It does what the bot asks and its own file allows."""
    set_up_logs(log_level, log_format)
    from baton.agent.service import Service
    from baton.agent.settings import AGENT_VARIABLES, AgentSettings
    from baton.extensions import installed
    from baton.settings import load
    from commands.probes import Looking
    from commands.process.orphans import Orphans

    _say_misspelt()
    settings = load(AgentSettings, config, AGENT_VARIABLES, os.environ)
    file = str(config) if config else "the environment"

    async def serve() -> None:
        Orphans().start()
        looking = Looking.of(settings)
        service = await Service.from_settings(settings, installed(), file=file, looker=looking)
        service.stop_on_signals()
        await service.run()

    asyncio.run(serve())


@app.command()
def doctor(config: ConfigOption = None) -> None:
    """Check the settings of a bot or an agent. All that they name is tried, too."""
    set_up_logs(LogLevel.ERROR)
    from bot.doctor import examine

    raise typer.Exit(asyncio.run(examine(config, os.environ, typer.echo)))


@dead.command("list")
def dead_list(config: ConfigOption = None, most: MostOption = 100) -> None:
    """Show the dead letters, oldest first."""
    set_up_logs(LogLevel.ERROR)
    from bot.dead import Letter, listed, opened

    async def look() -> list[Letter]:
        async with opened(_bus(config)) as channel:
            return await listed(channel, most)

    letters = asyncio.run(look())
    for letter in letters:
        typer.echo(letter)
    if not letters:
        typer.echo("There are no dead letters.")


@dead.command("resend")
def dead_resend(
    ids: Annotated[list[str] | None, typer.Argument(help="IDs, as `dead list` shows them.")] = None,
    all_letters: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask about orders to servers.")] = False,
    config: ConfigOption = None,
    most: MostOption = 1000,
) -> None:
    """Send dead letters again, where they were bound for.

    With --all, an order to servers is sent only if the bot itself had sent it, and after you have
    agreed to it. What is past its deadline is not sent.
    """
    if bool(ids) == all_letters:
        raise typer.BadParameter("name the letters by their IDs, or say --all")
    set_up_logs(LogLevel.ERROR)
    from bot.dead import Letter, Resent, listed, opened, resent, to_agree

    async def orders() -> list[Letter]:
        async with opened(_bus(config)) as channel:
            return to_agree(await listed(channel, most))

    agreed: set[str] = set()
    for letter in asyncio.run(orders()) if all_letters else ():
        if yes or typer.confirm(f"Send again to {letter.order} ({printable(letter.id)})?"):
            agreed.add(letter.id)

    async def send() -> Resent:
        async with opened(_bus(config)) as channel:
            return await resent(channel, ids or (), most, agreed=lambda one: one.id in agreed)

    made = asyncio.run(send())
    for letter in made.done:
        typer.echo(printable(f"sent again: {letter.id}  {letter.type}, to {letter.key}"))
    for letter, reason in made.left:
        typer.echo(printable(f"not sent: {letter.id}: {reason}."), err=True)
    known = {letter.id for letter in (*made.done, *(letter for letter, _ in made.left))}
    missing = set(ids or ()) - known
    for name in sorted(missing):
        typer.echo(printable(f"no such letter: {name}"), err=True)
    if missing or made.left:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Say which version this is."""
    from baton.server import baton_version

    typer.echo(f"baton {baton_version()}")


def main() -> None:
    """Run the command line. What goes wrong is one line, and exit code 2; REFUSED if RabbitMQ
    refuses what is needed."""
    try:
        app()
    except BatonError as error:
        print(f"baton: {printable(str(error), lines=True)}", file=sys.stderr)
        sys.exit(REFUSED if isinstance(error, BusRefused) else 2)


def _say_misspelt() -> None:
    """Log the environment variables that nobody reads and that look like one that is read."""
    from baton.variables import VARIABLES, misspelt

    for name, near in misspelt(os.environ, VARIABLES):
        text = f"unknown environment variable {name}: did you mean {near}?"
        structlog.get_logger(__name__).warning(printable(text))


def _need_extra(command: str) -> None:
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise ExtraMissing(command=command, packages=", ".join(missing))


def _bus(config: Path | None) -> list[str]:
    """Where the bus is, by the file of a bot or of an agent."""
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


def _run_until_hung_up(work: Coroutine[Any, Any, int]) -> int:
    """Run `work`; SIGTERM, and the end of the terminal, end it in good order."""
    import signal

    ended: list[int] = []

    async def guarded() -> int:
        task = asyncio.ensure_future(work)

        def end(number: int) -> None:
            ended.append(number)
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        return await task

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        return 128 + ended[0] if ended else 130
