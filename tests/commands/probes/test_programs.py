"""Programs that the settings of an agent name."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from baton.agent.probing import ProbeResult
from baton.agent.settings import CheckTable
from baton.process.program import Ended
from commands.probes.programs import result_of
from tests.commands.probes.looks import looked


@pytest.mark.parametrize(
    ("code", "line", "bad", "text"),
    [
        (0, "DISK OK - 40% free | /=60%;80;90", False, "DISK OK - 40% free"),
        (0, "", False, ""),
        (1, "DISK WARNING - 9% free | /=91%", True, "DISK WARNING - 9% free"),
        (2, "no space", True, "critical: no space"),
        (3, "", True, "exit code 3 (unknown)"),
        (4, "odd", True, "exit code 4: odd"),
        (-9, "", True, "killed by SIGKILL"),
    ],
)
def test_what_the_end_of_a_check_means(code: int, line: str, bad: bool, text: str) -> None:
    """0 is well. Otherwise its first line is told, with Nagios' word for the code unless it is in
    there; what is measured is left out."""
    assert result_of(Ended(code, "last line"), line) == ProbeResult(bad, text)


def check(code: str, timeout: float = 20.0) -> dict[str, CheckTable]:
    return {"disk": CheckTable(command=(sys.executable, "-c", code), timeout=timeout)}


async def test_a_check_is_run_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As this agent's settings say, without the secrets of the agent; the first line counts."""
    monkeypatch.setenv("BATON_BUS_URL", "secret")
    code = "import os; print('\\n', os.getenv('BATON_BUS_URL')); print('more'); raise SystemExit(2)"
    assert await looked(check(code), check="disk") == ProbeResult(True, "critical: None")


async def test_a_check_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """By its own timeout, or by that of who asks; nothing of it goes on."""
    slow = f"import time; time.sleep(60); open({str(tmp_path / 'x')!r}, 'w')"
    for table, asked in ((0.3, 20.0), (20.0, 0.3)):
        async with asyncio.timeout(10):
            there = await looked(check(slow, table), check="disk", timeout=asked)
        assert there == ProbeResult(True, "it exceeded its time limit of 0.3 s and was stopped")


async def test_what_cannot_be_looked_at() -> None:
    """A check that is not in the settings is not run; the answer says which there are."""
    there = await looked(check(""), check="dsk")
    assert there == ProbeResult(
        True, "its agent has no check dsk (configured: disk): add [checks.dsk] to its settings"
    )
    assert (await looked()).text.startswith("this agent does not support this probe")
    absent = {"disk": CheckTable(command=("no-such-plugin",))}
    assert "no-such-plugin was not found" in (await looked(absent, check="disk")).text


async def test_what_a_plugin_complains_of_is_not_what_it_found() -> None:
    """`perl: warning: Setting locale failed.` comes first, on stderr: told is the first line of
    stdout, and what stands on stderr only if there is none."""
    plugin = (
        "import sys; print('perl: warning: Setting locale failed.', file=sys.stderr, flush=True)"
    )
    says = CheckTable(
        command=(sys.executable, "-c", f"{plugin}; print('DISK CRITICAL - 99%|x=1'); sys.exit(2)")
    )
    assert await looked({"disk": says}, check="disk") == ProbeResult(True, "DISK CRITICAL - 99%")
    silent = CheckTable(command=(sys.executable, "-c", f"{plugin}; sys.exit(2)"))
    assert (await looked({"disk": silent}, check="disk")).text == (
        "critical: perl: warning: Setting locale failed."
    )
