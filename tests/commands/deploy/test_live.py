"""A failed deploy leaves what was live, whoever put it there."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from baton.bus.messages import State
from commands.deploy.source import GitMirror
from tests.commands.conftest import MakeKit, Repository
from tests.support.wait import until

FAILS = {"command": ["sh", "-c", "echo sick; exit 1"], "timeout": 0.1}


def _laid_out(shop: Path, target: str) -> None:
    """Another tool has deployed here."""
    (shop / "builds" / "41").mkdir(parents=True)
    (shop / "builds" / "41" / "version").write_text("41")
    (shop / "builds" / "latest").symlink_to("41")
    (shop / "current").symlink_to(target)


TARGETS = ["builds/41", "{shop}/builds/41", "builds/latest", "./builds//41/", "builds/gone"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("how", ["health", "restart", "cancel"])
async def test_what_another_tool_had_live_is_live_again(
    make_kit: MakeKit, shop: Path, target: str, how: str
) -> None:
    """`current` holds what it held, to the letter, also if that is no release or leads nowhere."""
    target = target.format(shop=shop)
    _laid_out(shop, target)
    if how == "cancel":
        asked = make_kit(health={"command": ["sh", "-c", "echo asked; exit 1"]}).start(
            "deploy shop prod --ref v1"
        )
        await until(lambda: "asked" in asked.log)
        asked.cancel()
        await asked.ended()
        said = "\n".join(asked.said)
    else:
        table = {"health": FAILS} if how == "health" else {"restart": ["false"]}
        asked = await make_kit(**table).ask("deploy shop prod --ref v1")
        assert asked.state is State.FAILED
        said = asked.text
    assert os.readlink(shop / "current") == target
    assert target in said
    assert "no release before" not in said


async def test_it_is_restarted_where_it_is(
    make_kit: MakeKit, shop: Path, tmp_path: Path, repository: Repository
) -> None:
    """The way back restarts and checks what is live again, in its own folder, with its commit."""
    _laid_out(shop, "builds/41")
    (shop / "builds" / "41" / "REVISION").write_text("0123abcd\n")
    kit = make_kit(
        restart=[
            "sh",
            "-c",
            f'echo "$1 $2 $PWD" >>{tmp_path}/restarts',
            "x",
            "{release}",
            "{commit}",
        ],
        health={"command": ["sh", "-c", "test $(cat version) = 41"], "timeout": 0.1},
    )
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.text.endswith("; rolled back to builds/41")
    place = shop / "builds" / "41"
    assert (tmp_path / "restarts").read_text().splitlines()[1] == f"{place} 0123abcd {place}"


async def test_what_was_live_is_told(make_kit: MakeKit, shop: Path) -> None:
    """A first deploy over another tool's says what it took the place of."""
    _laid_out(shop, "builds/41")
    asked = await make_kit().ask("deploy shop prod --ref v1")
    assert asked.facts["previous"] == "builds/41"
    assert (shop / "builds" / "41" / "version").read_text() == "41"


async def test_what_is_live_is_what_it_was_just_before_the_switch(
    make_kit: MakeKit, shop: Path
) -> None:
    """Somebody who switches by hand during a build is not undone by its failure."""
    _laid_out(shop, "builds/41")
    step = ["sh", "-c", f"ln -sfn builds/latest {shop}/current"]
    await make_kit(steps=[step], health=FAILS).ask("deploy shop prod --ref v1")
    assert os.readlink(shop / "current") == "builds/latest"


async def test_old_releases_that_stay_are_told_at_the_end(
    make_kit: MakeKit, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the last word, which the channel sees: a disk that fills up is nobody's surprise."""
    kit = make_kit(keep=1)
    await kit.ask("deploy shop prod --ref v1")
    rmdir = os.rmdir

    def refuse(path: str, **options: Any) -> None:
        if "removing" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        rmdir(path, **options)

    monkeypatch.setattr("os.rmdir", refuse)
    asked = await kit.ask("deploy shop prod --ref v2")
    assert asked.state is State.SUCCEEDED
    assert "is live; an old release could not be removed: " in asked.text
    assert "Permission denied" in asked.text


async def test_a_link_in_the_repository_overwrites_nothing(
    make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path
) -> None:
    """A committed REVISION that leads to a file of the agent's user leaves that file as it is."""
    victim = tmp_path / "authorized_keys"
    victim.write_text("keep")
    (repository.path / "REVISION").symlink_to(victim)
    commit = repository.commit("v3")
    asked = await make_kit().ask("deploy shop prod --ref v3")
    assert asked.state is State.SUCCEEDED
    assert victim.read_text() == "keep"
    assert (shop / "current" / "REVISION").read_text() == f"{commit}\n"


async def test_a_cancel_that_comes_too_late_ends_nothing(
    make_kit: MakeKit, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a release is live and well it stays, with the app that `restart` has started, and the
    deploy has succeeded."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def pack(self: GitMirror) -> None:
        reached.set()
        await go_on.wait()

    monkeypatch.setattr(GitMirror, "pack", pack)
    pid = tmp_path / "pid"
    app = (
        f"setsid sh -c 'echo $$ >{pid}; exec sleep 300' & until test -s {pid}; do sleep 0.01; done"
    )
    asked = make_kit(restart=["sh", "-c", app]).start("deploy shop prod --ref v1")
    await reached.wait()
    asked.cancel()
    await asked.ended()
    try:
        assert asked.state is State.SUCCEEDED
        assert (shop / "current" / "version").read_text() == "v1\n"
        os.kill(int(pid.read_text()), 0)
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
