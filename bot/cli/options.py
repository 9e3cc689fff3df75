"""The options that several subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.logs import LogFormat, LogLevel

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The settings file (TOML).")
]
AlertsOption = Annotated[
    Path | None,
    typer.Option("--alerts", help="The alerts file (TOML): what is checked, and who is notified."),
]
LevelOption = Annotated[
    LogLevel,
    typer.Option("--log-level", envvar="BATON_LOG_LEVEL", help="The lowest level that is logged."),
]
FormatOption = Annotated[
    LogFormat,
    typer.Option("--log-format", envvar="BATON_LOG_FORMAT", help="The format of the log."),
]
StrictOption = Annotated[
    bool,
    typer.Option(
        "--strict", help="Do not start while an installed extension cannot be used (else: log it)."
    ),
]
