"""What tests start by fork is a process of its own, and ends with those who wait for it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from baton.version import baton_version
from tests.support.forks import Forked, stand_in_for
from tests.support.wait import until


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The words that start an agent."""
    file = tmp_path / "agent.toml"
    file.write_text(
        '[bus]\nurl = "memory://forks"\n[server]\nenvironment = "prod"\nfqdn = "web-1"\n'
        f'[agent]\nstate = "{tmp_path}"\n'
    )
    return ["agent", "--config", str(file)]


async def test_it_has_an_id_a_session_and_an_environment(tmp_path: Path, words: list[str]) -> None:
    """kill -9 ends one and not the other, which SIGTERM ends in good order."""
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    env = {**os.environ, "BATON_LOG_FORMAT": "json"}
    one, two = (Forked(words, log=log, env=env, cwd=tmp_path) for log in logs)
    try:
        await until(lambda: all('"agent started"' in log.read_text() for log in logs))
        assert [os.getsid(it.pid) for it in (one, two)] == [one.pid, two.pid]
        assert there(tmp_path) == {one.pid, two.pid}
        await asyncio.to_thread(one.signal, signal.SIGKILL)
        assert (one.running, one.exit_code, two.running) == (False, -signal.SIGKILL, True)
        assert there(tmp_path) == {two.pid}
        await asyncio.to_thread(two.signal, signal.SIGTERM)
        assert two.exit_code == 0
        assert '"agent stopped"' in logs[1].read_text()
    finally:
        one.end()
        two.end()


def test_what_stands_in_ends_as_it_does() -> None:
    """Output and exit code are those of `baton`."""
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    done = run(stand_in_for("version"), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"baton {baton_version()}\n", "")
    done = run(stand_in_for("agent"), capture_output=True, text=True, env={})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("baton: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_what_stands_in_passes_signals_on(
    tmp_path: Path, words: list[str], number: signal.Signals
) -> None:
    """What was forked obeys them, and is killed with the one who stands in."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *stand_in_for(*words), stderr=output, cwd=tmp_path
        )
    await until(lambda: "agent started" in log.read_text())
    process.send_signal(number)
    assert await process.wait() == (0 if number == signal.SIGTERM else -number)
    await until(lambda: not there(tmp_path))
    assert ("agent stopped" in log.read_text()) == (number == signal.SIGTERM)


def there(folder: Path) -> set[int]:
    """The processes that work in `folder`."""
    found = psutil.process_iter(["pid", "cwd", "status"])
    return {
        each.info["pid"]
        for each in found
        if each.info["cwd"] == str(folder) and each.info["status"] != psutil.STATUS_ZOMBIE
    }
