"""`baton worker FILE`: a worker, which does the jobs of the queues that its file names."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from baton.errors import SettingsError
from baton.text.printable import printable
from bot.cli.logs import LogFormat, LogLevel, set_up_logs
from bot.cli.options import FormatOption, LevelOption, StrictOption
from bot.cli.processes import warn_of_misspelt_variables

if TYPE_CHECKING:
    from baton.worker.config.loading import Loaded
    from baton.worker.processors.registry import Processors

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A worker.toml, or an INI of rbit's.")
]
CheckOption = Annotated[
    bool,
    typer.Option("--check", help="Say what is wrong with FILE, start nothing; exit code 0 or 1."),
]


def worker(
    file: FileArgument,
    check: CheckOption = False,
    strict: StrictOption = False,
    log_level: LevelOption = LogLevel.INFO,
    log_format: FormatOption = LogFormat.AUTO,
) -> None:
    """Run a worker. It does the jobs of the queues that FILE names, each with its runner.

    SIGHUP has it read FILE again: a file that will not do is refused, and all stays as it was.
    """
    set_up_logs(LogLevel.ERROR if check else log_level, log_format)
    from baton.worker.config.loading import load
    from baton.worker.processors.registry import installed

    processors = installed(strict=strict)
    if check:
        _check(file, processors)
        return
    from baton.worker.config.ini_logging import apply_logging

    warn_of_misspelt_variables()
    loaded = load(file, os.environ, processors)
    log = structlog.get_logger(__name__)
    for note in loaded.file.notes:
        log.warning(printable(note))
    if reason := apply_logging(file, loaded.file.logging):
        log.warning("the sections about the log are not used", file=str(file), reason=reason)
    asyncio.run(_serve(file, loaded, processors))


async def _serve(file: Path, loaded: Loaded, processors: Processors) -> None:
    from baton.process.garbage import tune_garbage_collector
    from baton.process.orphans import OrphanReaper
    from baton.worker.reloading import Reloader
    from baton.worker.service import GARBAGE, WorkerService

    OrphanReaper().start()
    settings = loaded.file.settings
    service = await WorkerService.from_settings(settings, loaded.runners, file=str(file))
    service.stop_on_signals()
    Reloader(file, os.environ, processors, service).reload_on_signal()
    tune_garbage_collector(*GARBAGE)
    await service.run()


def _check(file: Path, processors: Processors) -> None:
    from baton.worker.config.loading import load

    try:
        loaded = load(file, os.environ, processors)
    except SettingsError as error:
        typer.echo(printable(str(error), lines=True), err=True)
        raise typer.Exit(1) from None
    for note in loaded.file.notes:
        typer.echo(printable(note), err=True)
    settings = loaded.file.settings
    typer.echo(
        f"{file} will do: worker {settings.worker.name}, {len(settings.queues)} queues,"
        f" {len(settings.runner)} runners."
    )
