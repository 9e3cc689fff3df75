"""The program `baton` beside a console in this process."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from bot.cli import main
from tests.bot.cli.program import environment
from tests.support.forks import stand_in_for


class Program:
    """`baton` with the settings that `env` has; `home` is where it keeps files."""

    def __init__(self, home: str, **env: str) -> None:
        self._env = {"HOME": home, "XDG_CONFIG_HOME": "", "NO_PROXY": "*", **env}
        self._started: list[Process] = []

    async def started(
        self, *words: str, stdin: int = DEVNULL, stdout: int = PIPE, **env: str
    ) -> Process:
        """Start it as a process, for what is about signals, terminals or two at once."""
        process = await asyncio.create_subprocess_exec(
            *stand_in_for(*words),
            env=environment(**{**self._env, **env}),
            stdin=stdin,
            stdout=stdout,
            stderr=PIPE,
        )
        self._started.append(process)
        return process

    async def end(self) -> None:
        """End what a test that failed has left: a later one would fail for it."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def ended(self, *words: str) -> tuple[int, str, str]:
        """Run it as a process until its end; return its exit code, output and error output."""
        process = await self.started(*words)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def ran(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """Run its main function in a thread, with `typed` as its input; return its exit code,
        output and error output. One at a time: the streams are those of this process."""
        async with asyncio.timeout(60):
            return await asyncio.to_thread(self._run, words, typed)

    def _run(self, words: tuple[str, ...], typed: str) -> tuple[int, str, str]:
        given, out, err = io.StringIO(typed), io.StringIO(), io.StringIO()
        code: object = 0
        with (
            patch.dict(os.environ, environment(**self._env), clear=True),
            patch.object(sys, "argv", ["baton", *words]),
            patch.object(sys, "stdin", given),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as ended:
                code = ended.code
        assert "Traceback" not in err.getvalue(), err.getvalue()
        assert isinstance(code, int)
        return code, out.getvalue(), err.getvalue()
