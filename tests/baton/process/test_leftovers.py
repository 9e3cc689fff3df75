"""The end of a run is proven: nothing that it started is left, wherever that went."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import psutil
import pytest

from baton.errors import Failed
from baton.process.leftovers import MARK, Trail, end, running
from baton.process.program import Program, execute
from tests.support.background import alive, starts
from tests.support.wait import until

KINDS = ["session", "daemon", "deaf", "nohup"]


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        *((kind, how) for kind in KINDS for how in ("cancel", "fail")),
        ("session", "time"),
        ("no environment", "cancel"),
    ],
)
async def test_what_has_left_the_group_is_ended_too(tmp_path: Path, kind: str, how: str) -> None:
    """After a cancel, a failure and a time-out: what is in a session of its own, a daemon, what is
    deaf to SIGTERM."""
    pid, said = tmp_path / "pid", list[str]()
    tail = {"cancel": "echo there; sleep 300", "fail": "exit 1", "time": "sleep 300"}[how]
    argv = ("sh", "-c", f"{starts(kind, pid)}; {tail}")
    timeout = 3.0 if how == "time" else 60.0
    task = asyncio.create_task(
        execute(Program(argv, tmp_path, timeout=timeout, grace=0.3), said.append)
    )
    if how == "cancel":
        await until(lambda: said)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    elif how == "time":
        with pytest.raises(Failed):
            await task
    else:
        assert (await task).code == 1
    assert not alive(pid)


async def test_what_has_ended_and_was_not_waited_for_is_not_left() -> None:
    """A zombie runs nothing and cannot be ended."""
    trail = Trail("zombie")
    child = subprocess.Popen(["true"], env={MARK: "zombie"})  # noqa: ASYNC220
    try:
        await until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
        trail.started(child.pid)
        assert running([trail]) == []
        assert await end([trail], 30.0) == []
    finally:
        child.wait()


async def test_only_what_is_marked_is_ended() -> None:
    """A process of somebody else is left alone, also one whose id was ours before."""
    other = await asyncio.create_subprocess_exec("sleep", "300", env={MARK: "other"})
    try:
        assert await end([Trail("mine", [(other.pid, "1")])], 0.1) == []
        assert other.returncode is None
        assert [one.pid for one in running([Trail("other")])] == [other.pid]
    finally:
        other.kill()
        await other.wait()
