"""What the steps of a deploy leave running."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from baton.bus.messages import State
from baton.process import leftovers
from tests.commands.conftest import MakeKit
from tests.support.background import alive, starts
from tests.support.wait import until


async def test_what_an_earlier_step_left_is_ended_when_a_later_one_fails(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """The run is over: so is all that it started."""
    pid = tmp_path / "pid"
    kit = make_kit(steps=[["sh", "-c", starts("session", pid)], ["false"]])
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert not alive(pid)


async def test_what_a_step_leaves_after_success_goes_on_and_is_named(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """It may be there by intent: a service that was started, say."""
    pid = tmp_path / "pid"
    kit = make_kit(steps=[["sh", "-c", starts("daemon", pid)]])
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.SUCCEEDED
    try:
        assert alive(pid)
        assert any(f"(pid {pid.read_text()}, user " in text for text in asked.said)
        assert (await make_kit(steps=[["false"]]).ask("deploy shop prod --ref v2")).state is (
            State.FAILED
        )
        assert alive(pid)  # it is of another deploy
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


async def test_the_app_that_goes_back_is_the_one_that_runs(
    make_kit: MakeKit, tmp_path: Path
) -> None:
    """What `restart` started for a release that is not well is ended, and what it started on the
    way back is not."""
    restart = ["sh", "-c", starts("daemon", tmp_path / "$(cat version)")]
    await make_kit().ask("deploy shop prod --ref v1")
    kit = make_kit(
        restart=restart,
        health={"command": ["sh", "-c", "test $(cat version) = v1"], "timeout": 0.1},
    )
    asked = await kit.ask("deploy shop prod --ref v2")
    try:
        assert "rolled back to " in asked.text
        assert not alive(tmp_path / "v2")
        assert alive(tmp_path / "v1")
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
        kit = make_kit(steps=[["sh", "-c", f"{starts('session', pid)}; {tail}"]], grace=0.1)
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
        assert alive(pid)
    assert (await make_kit(grace=0.1).ask("deploy shop prod --ref v1")).state is State.SUCCEEDED
    assert not alive(pid)


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
