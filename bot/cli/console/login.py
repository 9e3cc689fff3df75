"""`baton login | logout`: where the console is, and the token, kept for this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from baton.errors import BatonError
from bot.cli.console.session import complain, say, show, use


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of the console.")],
) -> None:
    """Sign in to a console with a token.

    In chat, `/baton token new NAME --scope ask` shows one. It is asked for and not shown. Where no
    terminal is, it is read from the input: it never stands on the command line.
    """
    from baton.client.settings import (
        CLIENT_VARIABLES,
        ClientSettings,
        check_token,
        check_url,
        save_client,
    )
    from bot.dispatch.console_address import ConsoleAddress

    try:
        url = check_url(url, "baton login", "URL")
        if url.startswith("http:") and not ConsoleAddress(url).local:
            say(f"{url} is not https: whoever can see the network can read the token.")
        settings = ClientSettings(url, check_token(_token(), "baton login", "the token"))
        person = use(settings)
        file = save_client(settings)
    except BatonError as error:
        complain(error)
    show(f"Signed in to {url} as {person}. It is kept in {file}.")
    for name in CLIENT_VARIABLES:
        if os.environ.get(name):
            say(f"{name} is set in the environment, and counts before that file.")


def logout() -> None:
    """Remove the token from this computer. It stays valid: revoke it in chat."""
    from baton.client.settings import client_file

    file = client_file()
    try:
        file.unlink()
    except FileNotFoundError:
        show("Nobody is signed in here.")
        return
    except OSError as error:
        _cannot(file, error)
    show(f"Removed {file}. The token is still valid: see `/baton token` in chat.")


def _token() -> str:
    """Return the token that is typed, unseen, or comes on the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(1000).strip()
    typed: str = typer.prompt("Token", hide_input=True, default="", show_default=False)
    return typed.strip()


def _cannot(file: Path, error: OSError) -> NoReturn:
    say(f"baton: {file} cannot be removed: {error.strerror or error}.")
    raise typer.Exit(2)
