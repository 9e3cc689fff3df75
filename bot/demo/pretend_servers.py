"""The simulated servers of the demo: real agents, each with a folder for its disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baton.agent.service import Service
from baton.agent.settings import AgentSettings, AgentTable
from baton.bus.memory.channel import MemoryChannel
from baton.extensions import Commands
from baton.settings import BusSettings
from commands.probes import LocalProber

ENVIRONMENT = "prod"
HEARTBEAT_INTERVAL = 2.0
"""Seconds between two heartbeats."""
NAMES = {"web-1": ("shop",), "web-2": ("shop",), "web-3": ("billing", "shop")}
"""The servers, and the apps that each deploys."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The folder that stands for the disk of a server."""

    folder: Path

    def pidfile(self, app: str) -> Path:
        """Return the file that holds the process id of `app`."""
        return self.folder / f"{app}.pid"

    def stop(self) -> None:
        """Stop the processes that were deployed here."""
        for file in self.folder.glob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(file.read_text()), signal.SIGTERM)
            file.unlink(missing_ok=True)


def settings(name: str, disk: Disk, bus: str, repository: Path, ports: dict[str, int]) -> Any:
    """Return the settings of the agent on the server `name`, as its file would have them."""
    return AgentSettings.model_validate(
        {
            "bus": BusSettings.model_validate({"url": bus}),
            "server": {"environment": ENVIRONMENT, "fqdn": name},
            "agent": AgentTable(state=disk.folder, heartbeat=HEARTBEAT_INTERVAL, drain=0.0),
            "deploy": {app: _app(app, name, disk, repository, port) for app, port in ports.items()},
        }
    )


def _app(app: str, name: str, disk: Disk, repository: Path, port: int) -> dict[str, Any]:
    python = sys.executable
    return {
        "path": str(disk.folder / "srv" / app),
        "repository": str(repository),
        "ref": "main",
        "steps": [
            {"name": "compile", "run": [python, "-m", "compileall", "."]},
            {"name": "test", "run": [python, "-m", "unittest", "--verbose"]},
            {"name": "import the goods", "run": [python, "import_goods.py"]},
        ],
        "restart": [python, "restart.py", str(port), str(disk.pidfile(app)), name],
        "health": {
            "url": f"http://127.0.0.1:{port}/health",
            "contains": "{commit}",
            "timeout": 2.0,
            "interval": 0.2,
        },
        "keep": 3,
        "grace": 1.0,
        "env": {"DEMO_PID": str(os.getpid()), "PYTHONUNBUFFERED": "1"},
    }


class PretendServers:
    """Runs all of them until `stop`."""

    def __init__(self, folder: Path, bus: str, repository: Path, commands: Commands) -> None:
        self._disks = {name: Disk(folder / name) for name in NAMES}
        self._bus = bus
        self._repository = repository
        self._commands = commands
        self._ports: dict[str, dict[str, int]] = {}
        self._services: dict[str, Service] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start an agent on each server."""
        with _free_ports(sum(map(len, NAMES.values()))) as free:
            self._ports = {name: {app: free.pop() for app in apps} for name, apps in NAMES.items()}
        for name, disk in self._disks.items():
            disk.folder.mkdir(parents=True)
            await self._start(name)

    async def break_down(self, name: str) -> bool:
        """Stop the server `name` as if its power had gone. Return whether it was running."""
        service, task = self._services.pop(name, None), self._tasks.pop(name, None)
        if service is None or task is None:
            return False
        # whoever is dead says nothing any more
        if isinstance(service.channel, MemoryChannel):
            service.channel.cut()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._disks[name].stop()
        return True

    async def repair(self, name: str) -> bool:
        """Start the server `name` again. Return whether it was broken."""
        if name in self._services:
            return False
        await self._start(name)
        return True

    async def stop(self) -> None:
        """Stop the agents, then what they have deployed."""
        for service in self._services.values():
            service.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for disk in self._disks.values():
            disk.stop()

    async def _start(self, name: str) -> None:
        given = settings(name, self._disks[name], self._bus, self._repository, self._ports[name])
        service = await Service.from_settings(
            given, self._commands, file="the demo", prober=LocalProber.of(given)
        )
        self._services[name] = service
        self._tasks[name] = asyncio.create_task(service.run(), name=name)


@contextmanager
def _free_ports(number: int) -> Iterator[list[int]]:
    """Yield ports that nobody uses, held until the end of the block so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        yield [port.getsockname()[1] for port in held]
    finally:
        for port in held:
            port.close()
