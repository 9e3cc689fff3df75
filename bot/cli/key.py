"""`baton key FILE`: a new private key, and the public line of one."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.logs import LogLevel, set_up_logs

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file of the private key. It must not exist yet.")
]
NameOption = Annotated[
    str, typer.Option("--name", help="What people call the key: the end of the public line.")
]
ShowOption = Annotated[
    bool, typer.Option("--show", help="Make nothing: print the public line of the key in FILE.")
]


def key(file: FileArgument, name: NameOption = "", show: ShowOption = False) -> None:
    """Make a key that signs, and print its public line.

    FILE is for the bot ([signing] key), an agent or a worker ([signing] own); only its owner may
    read it. The line is for those who are to trust the key. The fingerprint goes to stderr.
    """
    set_up_logs(LogLevel.ERROR)
    from baton.bus.signing.private_key import PrivateKey
    from baton.bus.signing.public_key import PublicKey

    if show:
        made = PrivateKey.load(file, os.environ)
    else:
        made = PrivateKey.new()
        made.save(file)
    public = PublicKey(made.public.raw, name or f"{file.name}@{socket.gethostname()}")
    typer.echo(public.line)
    typer.echo(public.fingerprint, err=True)
