"""`baton` and jobs that go through their servers in waves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bot.build import ANN
from tests.bot.cli.console.programs import Program
from tests.bot.cli.console.test_jobs import read_until
from tests.bot.rolling import COMMANDS
from tests.bot.web.console.conftest import OpenConsole
from tests.support.wait import until


async def test_a_rollout_from_its_words_to_its_end(
    open_console: OpenConsole, tmp_path: Path
) -> None:
    """What is said beside a command reaches the bot as it was typed. Who watches reads what it
    waits for and how to answer, and has no exit code before it is over."""
    console = await open_console(ANN, commands=COMMANDS)
    baton = Program(str(tmp_path), BATON_URL=console.web.url)
    words = "ship shop prod --canary 1 --wave 50% --pause --max-failed 1"
    watching = await baton.started("ask", *words.split(), "--watch")
    said = await read_until(watching, "To answer: baton rollout ")
    job = said.split()[1].rstrip(":")
    assert "Wave 1 of 3: web-1. Still to begin: 1 and 1.\n" in said
    assert "It waits: Wave 1 is done: 1 of 1 succeeded. The next wave has 1." in said
    assert [len(agent.requests) for agent in console.agents] == [1, 0, 0]
    code, _, err = await baton.ran("rollout", job, "skip")
    assert (code, "baton rollout" in err) == (2, True)
    code, out, _ = await baton.ran("rollout", job, "skip", "--host", "web-3")
    assert (code, "web-3 is skipped" in out) == (0, True)
    code, out, _ = await baton.ran("rollout", job, "back", "--watch")
    assert code == 1
    assert "Stopped: ann said back." in out
    async with asyncio.timeout(60):
        rest, _ = await watching.communicate()
    assert watching.returncode == 1
    assert "takes back what succeeded" in rest.decode()
    await until(lambda: console.agents[0].requests[-1].command == "unship")
    code, _, err = await baton.ran("rollout", job, "pause")
    assert (code, "is over" in err) == (1, True)
