"""The options that several subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.logs import LogFormat, LogLevel

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
