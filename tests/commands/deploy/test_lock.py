"""One deploy at a time, and what an interrupted one has left behind."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from baton.bus.messages import State
from tests.commands.conftest import MakeKit, Repository
from tests.support.wait import until


async def test_one_deploy_of_an_app_at_a_time(make_kit: MakeKit, shop: Path) -> None:
    """A second deploy, be it of another agent, is refused and told which one is under way."""
    asked = make_kit(steps=[["sh", "-c", "echo going; sleep 300"]]).start(
        "deploy shop prod --ref v2"
    )
    await until(lambda: "going" in asked.log)
    second = await make_kit().ask("deploy shop prod --ref v1")
    assert second.state is State.REFUSED
    job = asked.updates[0].job
    assert f"shop v2 (job {job}, requested by somebody, since " in second.text
    asked.cancel()
    await asked.ended()


INTERRUPTED = """
import asyncio, contextlib, json, os, signal, sys
from baton.server import Server
from baton.testing import Kit
from commands.deploy import extension
from commands.deploy.lock import DeployLock

noted = DeployLock.note

def note(self, **changes):
    with contextlib.suppress(OSError):
        while not (words := open(f"/proc/{changes.get('group')}/cmdline").read()):
            pass  # it is just becoming another program
        if sys.argv[2] in words:
            os.kill(os.getpid(), signal.SIGKILL)
    noted(self, **changes)

if sys.argv[2]:
    DeployLock.note = note

async def main():
    settings = {"shop": json.loads(sys.argv[1])}
    kit = Kit(extension, settings=settings, server=Server("prod", fqdn="h"))
    await kit.ask("deploy shop prod --ref v2")

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["in a step", "as a step begins"])
async def test_what_an_interrupted_deploy_left_is_cleaned_up(
    when: str, make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path
) -> None:
    """After kill -9, be it before the id of what was started is noted, the next deploy ends what
    still runs and cleans up."""
    await make_kit().ask("deploy shop prod --ref v1")
    pid_file, lock = tmp_path / "pid", shop / "deploy.lock"
    step = [
        "sh",
        "-c",
        f"trap '' TERM; setsid sh -c 'echo $$ >{pid_file}.2; exec sleep 300' &"
        f" until test -s {pid_file}.2; do sleep 0.01; done;"
        f" echo $$ >{pid_file}.new; mv {pid_file}.new {pid_file}; sleep 300",
    ]
    table = {"path": str(shop), "repository": str(repository.path), "steps": [step]}
    dies_at = "sleep 300" if when == "as a step begins" else ""
    words = (sys.executable, "-c", INTERRUPTED, json.dumps(table), dies_at)
    agent = await asyncio.create_subprocess_exec(*words, cwd=Path(__file__).parents[3])
    await until(pid_file.exists)
    if when == "in a step":
        await until(lambda: f'"group": {pid_file.read_text().strip()},' in lock.read_text())
        agent.kill()
    await agent.wait()
    orphan = psutil.Process(int(pid_file.read_text()))
    assert orphan.is_running()
    half = [name for name in os.listdir(shop / "releases") if name.endswith("v2")]

    asked = await make_kit().ask("deploy shop prod --ref v1")
    assert asked.state is State.SUCCEEDED
    assert f"removing {half[0]}, which was interrupted" in asked.said
    assert half[0] not in os.listdir(shop / "releases")
    assert not _runs(orphan.pid)
    assert not _runs(int(pid_file.with_suffix(".2").read_text()))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
