"""`baton alerts check | replay`: an alerts.toml, tried before any bot uses it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from baton.text.printable import printable
from bot.cli.extra import need_extra
from bot.cli.logs import LogLevel, set_up_logs

FileArgument = Annotated[Path, typer.Argument(help="An alerts.toml.")]
RecordingArgument = Annotated[Path, typer.Argument(help="A file in the folder of [recording].")]
OldOption = Annotated[Path, typer.Option("--old", help="The alerts.toml to compare with.")]
NewOption = Annotated[Path, typer.Option("--new", help="The alerts.toml to try.")]

app = typer.Typer(
    help="Check an alerts.toml, and what it would have notified.", no_args_is_help=True
)


@app.callback()
def alerts() -> None:
    """Check an alerts.toml, and what it would have notified."""
    need_extra("alerts")


@app.command()
def check(file: FileArgument) -> None:
    """Check whether an alerts.toml is valid. An error names its line."""
    set_up_logs(LogLevel.ERROR)
    from alerts import load_alerts
    from bot.alerting.commands.reload import summary

    typer.echo(f"{file} is valid: {summary(load_alerts(file))}.")


@app.command()
def replay(recording: RecordingArgument, old: OldOption, new: NewOption) -> None:
    """Replay a recording with two files. The exit code is 1 if any notification differs."""
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
