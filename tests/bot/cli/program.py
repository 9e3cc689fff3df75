"""The program `baton`, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process

from tests.support.forks import stand_in_for

MAIN = "from bot.cli import main; main()"
WITHOUT_EXTRA = """
import sys
from bot.cli.extra import EXTRA
for name in EXTRA:
    sys.modules[name] = None
"""


def environment(**more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BATON_", "SLACK_"))
    }
    return {**kept, "BATON_WEB_PORT": "0", **more}


async def started(*words: str, before: str = "", **env: str) -> Process:
    """Start it by fork; where something is to run `before`, or Python itself reads a variable, as a
    Python of its own."""
    fresh = before or any(name.startswith("PYTHON") for name in env)
    own = [sys.executable, "-c", f"{before}\n{MAIN}", *words]
    return await asyncio.create_subprocess_exec(
        *(own if fresh else stand_in_for(*words)),
        env=environment(**env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def ran(*words: str, before: str = "", **env: str) -> tuple[int, str, str]:
    """How it ended, what it printed and what it logged. One that does not end is killed, and what
    it said until then is the fault."""
    process = await started(*words, before=before, **env)
    ending = asyncio.create_task(process.communicate())
    done, _ = await asyncio.wait([ending], timeout=60)
    if not done:
        process.kill()
    out, err = await ending
    assert done, f"baton {' '.join(words)} did not end: {out.decode()} {err.decode()}"
    return process.returncode or 0, out.decode(), err.decode()


async def reads(process: Process, text: str) -> str:
    """What the process logs, up to a line that holds `text`."""
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(60):
        while text not in said:
            line = (await process.stderr.readline()).decode()
            assert line, f"it ended, having said: {said}"
            said += line
    return said
