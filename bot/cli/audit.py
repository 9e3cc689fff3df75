"""`baton audit`: who asked what. `export | verify | head | verifier`: the log as a chain of hashes,
from the database of a bot or from an exported file."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from baton.errors import UsageError
from baton.text.printable import printable
from bot.cli.console import lists
from bot.cli.extra import need_extra
from bot.cli.logs import LogLevel, set_up_logs
from bot.cli.options import ConfigOption

if TYPE_CHECKING:
    from bot.audit.verifier import Verifier
    from bot.store.audit.audit_chain import AuditChain

FirstOption = Annotated[int, typer.Option(help="The number of the first entry.", min=1)]
HeadOption = Annotated[
    list[str] | None,
    typer.Option("--head", help="NUMBER:HASH, as the bot posted it. Give as many as you have."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write (else: standard output).")
]
FileArgument = Annotated[
    Path | None, typer.Argument(help="A file that `baton audit export` wrote (else: the database).")
]
app = lists.audit_app
MOST_SHOWN = 1_000
"""Findings that are shown, at most."""


@app.command()
def export(
    config: ConfigOption = None, first: FirstOption = 1, output: OutputOption = None
) -> None:
    """Write the audit log as JSON, an entry a line. It is read from the database of the bot whose
    settings file is given."""

    async def write(to: TextIO) -> int:
        count = 0
        async for line in _exported(config, first):
            to.write(line)
            count += 1
        return count

    _set_up("audit export")
    if output is None:
        count = asyncio.run(write(sys.stdout))
    else:
        with _opened(output, "w") as file:
            count = asyncio.run(write(file))
    typer.echo(f"{count} entries", err=True)


@app.command()
def verify(
    file: FileArgument = None,
    config: ConfigOption = None,
    head: HeadOption = None,
    first: FirstOption = 1,
) -> None:
    """Verify that no entry of the audit log was changed, removed or put elsewhere.

    Give the heads that the bot has posted: without them a log that was written anew as a whole
    looks right. The exit code is 1 if something is wrong.
    """
    from bot.audit.verifier import Verifier, head_of, summary, verify_lines

    try:
        verifier = Verifier(dict(map(head_of, head or ())), first)
    except ValueError as error:
        raise UsageError(f"--head: {error}.") from None
    if file is None:
        _set_up("audit verify")
        found = _shown(asyncio.run(_verified(config, first, verifier)))
    else:
        with _opened(file, "r") as lines:
            found = _shown(verify_lines(lines, verifier))
    typer.echo(f"{summary(verifier, found)}.")
    raise typer.Exit(1 if found else 0)


@app.command()
def head(config: ConfigOption = None) -> None:
    """Show the head of the audit log: the number and the hash of its last entry."""

    async def read() -> str:
        async with _chain(config) as chain:
            return str(await chain.head())

    _set_up("audit head")
    typer.echo(asyncio.run(read()))


@app.command()
def verifier() -> None:
    """Print a program that verifies an exported audit log, and needs only Python."""
    from bot.audit import verifier as program

    typer.echo(Path(program.__file__).read_text("utf-8"), nl=False)


def _opened(file: Path, mode: Literal["r", "w"]) -> TextIO:
    """Return `file`, open. Raises UsageError."""
    try:
        return file.open(mode, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{file} cannot be opened: {error.strerror}.") from None


def _set_up(command: str) -> None:
    need_extra(command)
    set_up_logs(LogLevel.ERROR)


def _chain(config: Path | None) -> AbstractAsyncContextManager[AuditChain]:
    """Return what opens the chain in the database of that settings file."""
    from bot.settings import load_bot
    from bot.store.audit.audit_chain import AuditChain

    settings = load_bot(config, os.environ)
    return AuditChain.opened(settings.database.url.get_secret_value())


async def _exported(config: Path | None, first: int) -> AsyncIterator[str]:
    from bot.audit.chain import line_of

    async with _chain(config) as chain:
        async for link in chain.links(first):
            yield f"{line_of(link)}\n"


async def _verified(config: Path | None, first: int, verifier: Verifier) -> list[str]:
    found: list[str] = []
    async with _chain(config) as chain:
        async for link in chain.links(first):
            found += verifier.read(f"entry {link.number}", dict(link.exported()))
    return [*found, *verifier.end()]


def _shown(findings: Iterable[str]) -> int:
    """Show what was found; return how many."""
    count = 0
    for count, text in enumerate(findings, 1):
        if count <= MOST_SHOWN:
            typer.echo(printable(text))
    return count
