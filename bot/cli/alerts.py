"""`baton alerts`: what is firing. `check | replay`: an alerts.toml, tried before a bot uses it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from baton.text.printable import printable
from bot.cli.console.chat import ChatGroup, add_chat
from bot.cli.console.lists import EnvironmentOption
from bot.cli.console.lists import alerts as show_alerts
from bot.cli.console.session import JsonOption
from bot.cli.extra import need_extra
from bot.cli.logs import LogLevel, set_up_logs

FileArgument = Annotated[Path, typer.Argument(help="An alerts.toml.")]
RecordingArgument = Annotated[Path, typer.Argument(help="A file in the folder of [recording].")]
OldOption = Annotated[Path, typer.Option("--old", help="The alerts.toml to compare with.")]
NewOption = Annotated[Path, typer.Option("--new", help="The alerts.toml to try.")]

app = typer.Typer(cls=ChatGroup, invoke_without_command=True, rich_markup_mode=None)
add_chat(app)


@app.callback()
def alerts(
    context: typer.Context, environment: EnvironmentOption = "", as_json: JsonOption = False
) -> None:
    """Show what is firing; check an alerts.toml. Other words go to the bot as in chat: alerts why
    web-1."""
    if context.invoked_subcommand is None:
        show_alerts(environment, as_json)


@app.command()
def check(file: FileArgument) -> None:
    """Check whether an alerts.toml is valid. An error names its line."""
    need_extra("alerts")
    set_up_logs(LogLevel.ERROR)
    from alerts import load_alerts
    from alerts.settings import rules_left_out
    from bot.alerting.commands.reload import summary

    typer.echo(f"{file} is valid: {summary(load_alerts(file))}.")
    for reason in rules_left_out(file):
        typer.echo(printable(f"left out: {reason}"), err=True)


@app.command()
def replay(recording: RecordingArgument, old: OldOption, new: NewOption) -> None:
    """Replay a recording with two files. The exit code is 1 if any notification differs."""
    need_extra("alerts")
    set_up_logs(LogLevel.ERROR)
    from alerts import load_alerts
    from alerts.trial import trial

    found = trial(recording, load_alerts(old), load_alerts(new))
    differing = [(one, "-") for one in found.gone] + [(one, "+") for one in found.new]
    for one, sign in sorted(differing, key=lambda pair: (pair[0].at, pair[1])):
        at = datetime.fromtimestamp(one.at, UTC)
        mention = f" {one.mention}" if one.mention else ""
        said = f"{one.channel} {one.state}: {one.title}{mention}"
        typer.echo(f"{sign} {at:%Y-%m-%d %H:%M:%S} {printable(said)}")
    typer.echo(f"{found.summary}.")
    if differing:
        raise typer.Exit(1)
