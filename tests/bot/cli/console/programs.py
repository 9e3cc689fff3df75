"""The program `baton` beside a console in this process."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from tests.bot.cli.program import MAIN, environment


class Program:
    """`baton` with the settings that `env` has; `home` is where it keeps files."""

    def __init__(self, home: str, **env: str) -> None:
        self._env = {"HOME": home, "XDG_CONFIG_HOME": "", "NO_PROXY": "*", **env}

    async def started(
        self, *words: str, stdin: int = DEVNULL, stdout: int = PIPE, **env: str
    ) -> Process:
        """Start it."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MAIN, *words),
            env=environment(**{**self._env, **env}),
            stdin=stdin,
            stdout=stdout,
            stderr=PIPE,
        )

    async def ran(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """Run it with `typed` as its input; return its exit code, output and error output."""
        process = await self.started(*words, stdin=PIPE)
        async with asyncio.timeout(60):
            out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, out.decode(), err.decode()
