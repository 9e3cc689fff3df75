"""One use of a console by the command line: from the settings to the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from baton.errors import BatonError
from baton.text.printable import printable

if TYPE_CHECKING:
    from baton.client import Client, ClientSettings

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

PIPE_CLOSED = 141
"""What a shell expects of a program whose output nobody reads any more (SIGPIPE)."""


@dataclass(slots=True)
class ConsoleSession:
    """A console that is used. `on_interrupt` is what a person who stops us reads."""

    client: Client
    on_interrupt: str = "Stopped."


def run(work: Callable[[ConsoleSession], Awaitable[int]]) -> NoReturn:
    """Run `work` with the console of the settings, and exit with the code that it returns.

    An error is one line on the error output, and its exit code.
    """
    from bot.cli.console.exit_codes import STOPPED

    sessions: list[ConsoleSession] = []
    try:
        code = asyncio.run(_work(work, sessions))
        sys.stdout.flush()
    except KeyboardInterrupt:
        say(sessions[0].on_interrupt if sessions else "Stopped.")
        code = STOPPED
    except BrokenPipeError:
        # what is left to write has no reader; Python would complain of that at its end
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except BatonError as error:
        complain(error)
    raise typer.Exit(code)


def complain(error: BatonError) -> NoReturn:
    """Exit with one line that says what is wrong, and the code of that."""
    from bot.cli.console.exit_codes import of_error

    say(f"baton: {error}")
    raise typer.Exit(of_error(error))


def use(settings: ClientSettings) -> str:
    """Return the name of the person whom the console knows by `settings`. Raises ClientError."""
    from baton.client import Client, Patience

    async def name() -> str:
        async with Client(settings, patience=Patience(request=0)) as client:
            person = await client.me()
            return str(person.get("name") or person.get("id"))

    return asyncio.run(name())


async def _work(
    work: Callable[[ConsoleSession], Awaitable[int]], sessions: list[ConsoleSession]
) -> int:
    from baton.client import Client, Patience

    async with Client(patience=Patience(notice=say)) as client:
        sessions.append(ConsoleSession(client))
        return await work(sessions[0])


def say(text: str) -> None:
    """Write `text` to the error output, where it is in nobody's way."""
    typer.echo(printable(text, lines=True), err=True)


def show(text: str) -> None:
    """Write `text`, of whoever it is, to the output."""
    typer.echo(printable(text, lines=True))


def show_json(value: object) -> None:
    """Write `value` as one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
