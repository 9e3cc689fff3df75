"""A real agent as a process of its own: `python -m tests.support.agent SETTINGS`.

Its one command, `work`, appends a line to the file that it is given each time it starts, and says
so many lines, so far apart. It is ended like any agent, or killed.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

import bot.cli.slim as _slim  # noqa: F401  # isort: skip  (first, as the command line does: it keeps an agent small)
from baton.agent.service import Service
from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.command import Command
from baton.consumer import Consumer, Extension
from baton.extensions import Commands
from baton.fields import Name, Positional
from baton.run import Run
from baton.settings import load
from commands.probes import LocalProber

ROOT = Path(__file__).parents[2]


class Work(Command):
    """Say some lines."""

    name: ClassVar[str] = "work"
    environment: Name
    file: str
    lines: Annotated[int, Positional] = Field(1)
    apart: Annotated[float, Positional] = Field(0.0)


class Worker(Consumer[Work]):
    """Says the lines."""

    command: ClassVar[type[Command]] = Work

    async def process_message(self, run: Run[Work]) -> None:
        """Note the start, and say each line."""
        with Path(run.command.file).open("a") as file:  # noqa: ASYNC230
            file.write(f"{run.request.id}\n")
        for number in range(run.command.lines):
            run.notify_info(f"line {number}")
            await asyncio.sleep(run.command.apart)


class AgentProcess:
    """An agent on the bus at `url`, with its state in `folder`; `start` it, also after a kill."""

    def __init__(self, folder: Path, url: str, host: str = "web-1", drain: float = 0.0) -> None:
        self.folder = folder
        self.host = host
        self.config = folder / "agent.toml"
        self.config.write_text(
            f'[bus]\nurl = "{url}"\n'
            f'[server]\nenvironment = "prod"\nfqdn = "{host}"\napps = ["shop"]\n'
            f'[agent]\nstate = "{folder}/state"\nheartbeat = 0.5\ndrain = {drain}\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, with what it had on its disk."""
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.agent", self.config],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    async def signal(self, number: int, timeout: float = 60) -> int:
        """Send it a signal and wait for its end; the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, timeout)

    def close(self) -> None:
        """Kill it if it is still there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "agent.log").read_text()


async def main(config: Path) -> None:
    """Be the agent."""
    settings = load(AgentSettings, config, AGENT_VARIABLES, os.environ)
    commands = Commands([Extension(Work, Worker)])
    looking = LocalProber.of(settings)
    service = await Service.from_settings(settings, commands, file=str(config), prober=looking)
    service.stop_on_signals()
    await service.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
