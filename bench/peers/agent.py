"""An agent of Baton's with one command that does nothing but say so: python -m bench.peers.agent
URL FQDN [JOURNAL [KEY]]."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import ClassVar

from baton import Command, Consumer, Run, Server, Service, connect
from baton.agent.journal import Journal, MemoryJournal, SqliteJournal
from baton.agent.trust.settings import SigningTable
from baton.agent.trust.trust import Trust
from bot.cli.logs import LogFormat, LogLevel, set_up_logs

ENVIRONMENT = "prod"


class Touch(Command):
    """Say that it is done."""

    name: ClassVar[str] = "touch"
    changes: ClassVar[bool] = False
    example: ClassVar[str] = "/touch prod"

    environment: str
    host: str | None = None
    app: str | None = None


class TouchConsumer(Consumer[Touch]):
    """Says that it is done."""

    command: ClassVar[type[Command]] = Touch

    async def process_message(self, run: Run[Touch]) -> None:
        """Say so."""
        run.notify_success("done")


async def main(url: str, fqdn: str, file: str = "", key: str = "") -> None:
    set_up_logs(LogLevel.WARNING, LogFormat.LOGFMT)
    journal: Journal = await SqliteJournal.open(Path(file)) if file else MemoryJournal()
    server = Server(ENVIRONMENT, fqdn, ("shop",))
    channel = await connect(url, name=f"baton agent {fqdn}")
    trust = Trust(SigningTable.model_validate({"mode": "require", "keys": [key]} if key else {}))
    service = Service(
        channel, server, [TouchConsumer(server)], journal, most_runs=10_000, trust=trust
    )
    service.stop_on_signals()
    await service.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
