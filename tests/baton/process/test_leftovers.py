"""The end of a run is proven: nothing that it started is left, wherever that went."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from baton.bus.messages import State
from baton.errors import Failed
from baton.process import leftovers
from baton.process.leftovers import MARK, Trail, end, running
from baton.process.program import Program, execute
from tests.commands.conftest import MakeKit
from tests.support.wait import until

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        for descriptor in range(3):
            os.close(descriptor)
        open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(300)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""


def _starts(kind: str, pid: Path) -> str:
    """Text for a shell that starts something in the background, which notes its id in `pid`."""
    noting = f"sh -c 'echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 300'"
    if kind == "daemon":
        return f"{sys.executable} -c '{DAEMON}' {pid}"
    started = {
        "session": f"setsid {noting} &",
        "deaf": f"setsid sh -c 'trap \"\" TERM HUP; echo $$ >{pid}; while :; do sleep 1; done' &",
        "nohup": f"nohup setsid {noting} >/dev/null 2>&1 &",
        "no environment": f"setsid env -i PATH=$PATH {noting} &",
    }[kind]
    return f"{started} while ! test -s {pid}; do sleep 0.01; done"


def _alive(pid: Path) -> bool:
    try:
        return psutil.Process(int(pid.read_text())).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
    argv = ("sh", "-c", f"{_starts(kind, pid)}; {tail}")
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
    assert not _alive(pid)


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


# In a deploy


async def test_what_an_earlier_step_left_is_ended_when_a_later_one_fails(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """The run is over: so is all that it started."""
    pid = tmp_path / "pid"
    kit = make_kit(steps=[["sh", "-c", _starts("session", pid)], ["false"]])
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert not _alive(pid)


async def test_what_a_step_leaves_after_success_goes_on_and_is_named(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """It may be there by intent: a service that was started, say."""
    pid = tmp_path / "pid"
    kit = make_kit(steps=[["sh", "-c", _starts("daemon", pid)]])
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.SUCCEEDED
    try:
        assert _alive(pid)
        assert any(f"(pid {pid.read_text()}, user " in text for text in asked.said)
        assert (await make_kit(steps=[["false"]]).ask("deploy shop prod --ref v2")).state is (
            State.FAILED
        )
        assert _alive(pid)  # it is of another deploy
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


async def test_the_app_that_goes_back_is_the_one_that_runs(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """What `restart` started for a release that is not well is ended, and what it started on the
    way back is not."""
    restart = ["sh", "-c", _starts("daemon", tmp_path / "$(cat version)")]
    await make_kit().ask("deploy shop prod --ref v1")
    kit = make_kit(
        restart=restart,
        health={"command": ["sh", "-c", "test $(cat version) = v1"], "timeout": 0.1},
    )
    asked = await kit.ask("deploy shop prod --ref v2")
    try:
        assert "rolled back to " in asked.text
        assert not _alive(tmp_path / "v2")
        assert _alive(tmp_path / "v1")
        assert not any("still running" in text for text in asked.said)
    finally:
        os.kill(int((tmp_path / "v1").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("how", ["fail", "cancel"])
async def test_what_cannot_be_ended_keeps_the_next_deploy_out(
    make_kit: MakeKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Another user's process, say: it is named with its id and its user, and the next deploy, of
    whatever agent, is refused until it is gone."""
    pid = tmp_path / "pid"
    tail = "exit 1" if how == "fail" else "echo there; sleep 300"
    with monkeypatch.context() as patched:

        def refuse(pid: int, number: int) -> None:
            raise PermissionError(1, "Operation not permitted")

        patched.setattr(leftovers, "KILLED_WITHIN", 0.1)
        patched.setattr("baton.process.leftovers.os.kill", refuse)
        kit = make_kit(steps=[["sh", "-c", f"{_starts('session', pid)}; {tail}"]], grace=0.1)
        asked = kit.start("deploy shop prod --ref v1")
        if how == "cancel":
            await until(lambda: "there" in asked.log)
            asked.cancel()
        await asked.ended()
        left = f"sleep (pid {pid.read_text().strip()}, user {psutil.Process().username()})"
        assert asked.state is (State.FAILED if how == "fail" else State.CANCELLED)
        assert f"still running: {left}: stop it yourself" in asked.text
        asked = await make_kit(grace=0.1).ask("deploy shop prod --ref v1")
        assert asked.state is State.REFUSED
        assert left in asked.text
        assert _alive(pid)
    assert (await make_kit(grace=0.1).ask("deploy shop prod --ref v1")).state is State.SUCCEEDED
    assert not _alive(pid)


# One limit of time


async def test_the_settings_decide_how_long_a_deploy_may_take(make_kit: MakeKit) -> None:
    """Not the request, whose sender does not know the steps; the text names the setting."""
    kit = make_kit(steps=[["sleep", "0.6"]])
    assert (await kit.ask("deploy shop prod --ref v1", timeout=0.5)).state is State.SUCCEEDED
    kit = make_kit(timeout=1.5, step_timeout=1.5, steps=[["sleep", "1"], ["sleep", "300"]])
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert (
        asked.text
        == "it exceeded its time limit of 1.5 s (timeout of [deploy.shop]) and was stopped"
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            {"step_timeout": 0.3},
            "sleep 300 failed: it exceeded its time limit of 0.3 s (step_timeout) and",
        ),
        (
            {"steps": [{"run": ["sleep", "300"], "name": "wait", "timeout": 0.3}]},
            "wait failed: it exceeded its time limit of 0.3 s (timeout of the step wait) and was"
            " stopped",
        ),
    ],
)
async def test_a_step_that_takes_too_long_says_which_limit(
    make_kit: MakeKit, table: dict[str, object], says: str
) -> None:
    """So that one knows where to raise it."""
    asked = await make_kit(**{"steps": [["sleep", "300"]], **table}).ask(
        "deploy shop prod --ref v1"
    )
    assert says in asked.text
