"""The command line: `baton demo | init | bot | agent | worker | doctor | alerts | dead |
extensions | key | manifest | new | push | migrate | version`, and what asks a console:
`baton ask | ...`.

    processes  demo, bot, agent, doctor        options  options that several subcommands share
    dead       dead list, dead resend          extra    whether the packages of a bot are installed
    alerts     alerts check, alerts replay     logs     the format of the log
    audit      audit export, audit verify      slim     what must be imported first
    init       init bot, init agent            migrate  the new file for an old one
    extensions what other packages add         new      a package of one's own
    push       a build request for a worker    manifest the Slack app's manifest
    worker     a worker, or its file checked   key      a key that signs
    console/   whatever asks a console

What a subcommand needs is imported when it runs: an agent has neither Slack, web nor SQL packages.
"""

from __future__ import annotations

import bot.cli.slim as _slim  # noqa: F401  # isort: skip  (before whatever imports structlog)
import sys
from typing import Annotated

import typer

from baton.errors import BatonError, BusRefused
from baton.text.printable import printable
from bot.cli import processes
from bot.cli.alerts import app as alerts_app
from bot.cli.audit import app as audit_app
from bot.cli.console import add_console
from bot.cli.console.chat import ChatGroup
from bot.cli.dead import app as dead_app
from bot.cli.extensions import extensions
from bot.cli.init import app as init_app
from bot.cli.key import key
from bot.cli.manifest import manifest
from bot.cli.migrate import migrate
from bot.cli.new import new
from bot.cli.push import push
from bot.cli.worker import worker

REFUSED = 78
"""The exit code (EX_CONFIG of sysexits.h) that says: a restart does not help, somebody must grant a
permission."""

app = typer.Typer(
    cls=ChatGroup,
    help="Run your servers from chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (processes.demo, processes.bot, processes.agent, processes.doctor):
    app.command()(command)
for name, group in (
    ("dead", dead_app),
    ("alerts", alerts_app),
    ("audit", audit_app),
    ("init", init_app),
):
    app.add_typer(group, name=name)
app.command()(extensions)
app.command()(key)
app.command()(manifest)
app.command()(new)
app.command()(worker)
app.command()(push)
app.command()(migrate)
add_console(app)


def _version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Run your servers from chat."""


@app.command()
def version() -> None:
    """Print the version."""
    from baton.version import baton_version

    typer.echo(f"baton {baton_version()}")


def main() -> None:
    """Run the command line. An error is one line and exit code 2; REFUSED if RabbitMQ refuses what
    is needed."""
    try:
        app()
    except BatonError as error:
        print(f"baton: {printable(str(error), lines=True)}", file=sys.stderr)
        sys.exit(REFUSED if isinstance(error, BusRefused) else 2)
