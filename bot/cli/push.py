"""`baton push QUEUE ID VERSION URI`: a build request for a worker, as rbit's `rpush` sent one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.logs import LogLevel, set_up_logs
from bot.cli.options import ConfigOption

Option = typer.Option


def push(
    queue: Annotated[
        str, typer.Argument(help="The work queue, as [queues] of its worker names it.")
    ],
    package: Annotated[str, typer.Argument(metavar="ID", help="The package: what to build.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    uri: Annotated[str, typer.Argument(help="Where its source is.")],
    arch: Annotated[str, Option("--arch", "--platform", help="What it is built for.")] = "any",
    suite: Annotated[str, Option("--suite", help="The suite.")] = "latex",
    dist: Annotated[str, Option("--dist", "--project", help="The distribution.")] = "cnx",
    format: Annotated[str, Option("--format", help="The format.")] = "pdf",
    build_env: Annotated[str, Option("--build-env", help="The environment of the build.")] = "",
    commands: Annotated[str, Option("--commands", help="Commands for the build.")] = "",
    key: Annotated[
        Path | None,
        Option("--key", help="The private key that signs it, for workers that insist on that."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Put a build request on a work queue.

    It goes to RabbitMQ straight, past the rules and the audit of the bot. It is signed with --key,
    or with the key of the bot if the settings file is a bot's. A runner that declares arguments is
    asked in the words of the chat instead: baton run NAME ARGUMENTS.
    """
    set_up_logs(LogLevel.ERROR)
    from baton.bus.dead_letters import open_bus
    from baton.bus.signing.signer import signer_of
    from baton.worker import push as pushing
    from baton.worker.config.reading import read_bus, read_signing_key

    fields = {
        "package": package,
        "version": version,
        "uri": uri,
        "arch": arch,
        "suite": suite,
        "dist": dist,
        "format": format,
        **({"build_env": build_env} if build_env else {}),
        **({"commands": commands} if commands else {}),
    }

    async def send() -> str:
        urls = read_bus(config, os.environ)
        signer = signer_of([key or read_signing_key(config)])
        async with open_bus(urls, name="baton push") as channel:
            return await pushing.push(channel, queue, fields, signer)

    job = asyncio.run(send())
    typer.echo(f"pushed on {queue}: job {job}, {package} {version}")
