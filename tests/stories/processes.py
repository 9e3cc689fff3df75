"""The bot and the agents as processes of their own, as a service manager would start them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.forks import Forked
from tests.support.guard import Guarded

BATON = Path(sys.executable).with_name("baton")


def environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what would reach into the process under test."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("BATON_", "SLACK_", "GIT_"))
        and not name.upper().endswith("_PROXY")
    }
    return {**ours, "HOME": str(folder), "BATON_WEB_PORT": "0", **more}


class Process:
    """`baton KIND --config FILE`, running in the folder of FILE until it is ended. With options for
    `python` it is a Python of its own, else it is forked."""

    def __init__(
        self,
        kind: str,
        config: Path,
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        python: Sequence[str] = (),
    ) -> None:
        words = [kind, "--config", str(config)]
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0
        env = environment(config.parent, env or {})
        fresh: list[str | Path] = [sys.executable, *python, BATON, *words]
        self._running: Forked | Guarded = (
            Guarded(fresh, log=log, env=env, cwd=config.parent)
            if python
            else Forked(words, log=log, env=env, cwd=config.parent)
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._running.running

    @property
    def log(self) -> str:
        """What it has written, in this life."""
        return self._log.read_bytes()[self._at :].decode(errors="replace")

    def kill(self) -> None:
        """kill -9; returns when it is gone, in a few milliseconds."""
        self._running.signal(signal.SIGKILL)

    async def stop(self) -> int | None:
        """SIGTERM, as a service manager does; its exit code."""
        await asyncio.to_thread(self._running.signal, signal.SIGTERM)
        return self._running.exit_code

    def freeze(self, on: bool) -> None:
        """Let it stand still, or go on."""
        os.kill(self.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def end(self) -> None:
        """Over, whatever it does."""
        self._running.end()
