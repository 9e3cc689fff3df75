"""`baton migrate FILE`: the new file for a baton.cfg, an INI of rbit's or a crontab."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baton.errors import SettingsError, UsageError
from baton.text.printable import printable
from bot.cli.logs import LogLevel, set_up_logs

if TYPE_CHECKING:
    from baton.migrate.change import Migrated
    from baton.worker.config.reading import WorkerFile

_RBIT = re.compile(r"^\[(rbit|runner:.*)\]", re.MULTILINE)
_CFG = re.compile(r"^RABBIT_[A-Z]+\s*:", re.MULTILINE)

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A baton.cfg, an INI of rbit's or a crontab (- is stdin)."),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what a worker would run of what waits, and take nothing. INI only."
    ),
]
MostOption = Annotated[
    int, typer.Option("--most", help="How many messages of each queue to look at.", min=1)
]


def migrate(file: FileArgument, dry_run: DryRunOption = False, most: MostOption = 20) -> None:
    """Print the new file for an old one, and what changes.

    The file goes to stdout, a table of what changes to stderr. Nothing is written and nothing is
    sent: baton migrate rbit.ini > worker.toml
    """
    set_up_logs(LogLevel.ERROR)
    text = sys.stdin.read() if str(file) == "-" else _text(file)
    if _RBIT.search(text):
        if str(file) == "-":
            raise UsageError("An INI of rbit's is read from a file: name it.")
        from baton.worker.config.reading import read_as_ini

        read = read_as_ini(file, os.environ)
        if dry_run:
            asyncio.run(_dry_run(read, most))
            return
        from baton.migrate.rbit import migrate_rbit

        _show(migrate_rbit(read), file)
        return
    if dry_run:
        raise UsageError(f"{file} is no INI of rbit's: only that names queues to look at.")
    if _CFG.search(text):
        from baton.migrate.cfg import migrate_cfg

        _show(migrate_cfg(text, str(file)), file)
    else:
        from baton.migrate.crontab import migrate_crontab

        users = {entry.pw_name for entry in pwd.getpwall()}
        _show(migrate_crontab(text, str(file), users), file)


def _show(made: Migrated, file: Path) -> None:
    from bot.cli.console.table import table

    typer.echo(made.text, nl=False)
    typer.echo(f"\n{file} -> {made.name}", err=True)
    rows = [(one.before, one.after, one.remark) for one in made.changes]
    for line in table(("before", "now", "what to know"), rows):
        typer.echo(line, err=True)


async def _dry_run(read: WorkerFile, most: int) -> None:
    from baton.bus.dead_letters import open_bus
    from baton.migrate.dry_run import dry_run

    async with open_bus(read.settings.bus.urls, name="baton migrate") as channel:
        async for line in dry_run(channel, read.settings, most):
            typer.echo(printable(line))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problem, must = f"it cannot be read ({error.strerror})", "a file that this user may read"
        raise SettingsError(
            file=str(file), key="the file itself", problem=problem, must=must
        ) from None
