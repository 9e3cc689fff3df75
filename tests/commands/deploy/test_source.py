"""A release is what a clone of the commit is, from a mirror that is only a cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from baton.bus.messages import State
from tests.commands.conftest import MakeKit, Repository
from tests.commands.deploy.git import git, live_version, user_git


async def test_a_head_that_points_nowhere_stops_nothing_that_is_named(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """main was renamed and HEAD was not: a ref that is named is deployed; without one it is said
    what is missing and what there is."""
    repository.git("branch", "--move", "main", "trunk")
    repository.git("symbolic-ref", "HEAD", "refs/heads/main")
    asked = await make_kit().ask("deploy shop prod --ref trunk")
    assert (asked.state, live_version(shop)) == (State.SUCCEEDED, "v2")
    asked = await make_kit().ask("deploy shop prod")
    assert asked.state is State.FAILED
    assert asked.text == (
        f"HEAD of {repository.path} points to no branch (it has trunk): choose one with --ref, or"
        " set ref in [deploy.shop]"
    )


async def test_an_empty_repository_is_said_to_be_empty(make_kit: MakeKit, tmp_path: Path) -> None:
    """Nothing is there to deploy, whatever is asked for."""
    git("init", "--quiet", "--bare", str(tmp_path / "empty.git"))
    kit = make_kit(repository=str(tmp_path / "empty.git"))
    assert "it has no branch at all" in (await kit.ask("deploy shop prod")).text
    asked = await kit.ask("deploy shop prod --ref main")
    assert "there is no branch, tag or commit main" in asked.text


async def test_a_head_that_is_no_branch_is_its_commit(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """As a clone of it would have it."""
    repository.git("checkout", "--quiet", "--detach", "v1")
    asked = await make_kit().ask("deploy shop prod")
    assert (asked.state, live_version(shop)) == (State.SUCCEEDED, "v1")
    assert asked.text == f"{repository.git('rev-parse', 'v1')[:8]} is live"


@pytest.mark.parametrize("where", ["beside it", "elsewhere"])
async def test_large_files_are_in_the_release(
    make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path, where: str
) -> None:
    """With git-lfs set up as its users set it up: what a clone holds, the release holds."""
    assert shutil.which("git-lfs"), "install git-lfs (.ci/servers does)"
    git("lfs", "install")
    content = os.urandom(50_000)
    repository.git("lfs", "track", "*.bin")
    (repository.path / "big.bin").write_bytes(content)
    if where == "elsewhere":
        git("init", "--quiet", "--bare", str(tmp_path / "large.git"))
        (repository.path / ".lfsconfig").write_text(f"[lfs]\n\turl = file://{tmp_path}/large.git\n")
    repository.commit("v3")
    origin = tmp_path / "origin.git"
    repository.git("clone", "--quiet", "--bare", ".", str(origin))
    repository.git("remote", "add", "origin", f"file://{origin}")
    repository.git("lfs", "push", "--all", "origin")
    for kept in (repository.path / ".git" / "lfs" / "objects", repository.path / "big.bin"):
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    asked = await make_kit(repository=f"file://{origin}").ask("deploy shop prod --ref v3")
    assert asked.state is State.SUCCEEDED, asked.text
    assert (shop / "current" / "big.bin").read_bytes() == content

    stored = [file for file in (shop / "repo" / "lfs" / "objects").rglob("*") if file.is_file()]
    assert len(stored) == 1
    os.utime(stored[0], (0, 0))
    assert (await make_kit(repository=f"file://{origin}").ask("deploy shop prod --ref v1")).text
    assert not stored[0].exists()  # it was not used for long: the mirror does not grow for ever
    asked = await make_kit(repository=f"file://{origin}").ask("deploy shop prod --ref v3")
    assert (shop / "current" / "big.bin").read_bytes() == content


async def test_a_large_file_that_cannot_be_had_fails_the_deploy(
    make_kit: MakeKit, repository: Repository
) -> None:
    """It is not replaced by its pointer; and the mirror is not made anew for it."""
    git("lfs", "install")
    await make_kit().ask("deploy shop prod --ref v1")
    repository.git("lfs", "track", "*.bin")
    (repository.path / "big.bin").write_bytes(b"x" * 5000)
    repository.commit("v3")
    shutil.rmtree(repository.path / ".git" / "lfs" / "objects")
    asked = await make_kit().ask("deploy shop prod --ref v3")
    assert asked.state is State.FAILED
    assert "big.bin" in asked.text + asked.log
    assert not any("fetched anew" in text for text in asked.said)


async def test_the_users_own_ssh_command_is_used(
    make_kit: MakeKit, shop: Path, repository: Repository, tmp_path: Path
) -> None:
    """core.sshCommand names the deploy key; nothing of ours takes its place."""
    ssh = tmp_path / "ssh-with-a-key"
    ssh.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\nfor last; do :; done\nexec sh -c "$last"\n'
    )
    ssh.chmod(0o755)
    user_git("core.sshCommand", f"{ssh} -i deploy-key")
    kit = make_kit(repository=f"ssh://git@git.example.com{repository.path}")
    for words in ("deploy shop prod --ref v1", "deploy shop prod"):
        asked = await kit.ask(words)
        assert asked.state is State.SUCCEEDED, asked.text
    asked_for = (tmp_path / "asked").read_text().splitlines()
    assert all(line.startswith("-i deploy-key") for line in asked_for)
    assert "BatchMode" not in "".join(asked_for)


def _empty_ref(repo: Path) -> None:
    (repo / "refs" / "heads" / "main").write_text("")


def _empty_objects(repo: Path) -> None:
    for file in (repo / "objects").glob("??/*"):
        file.chmod(0o600)
        file.write_text("")


def _garbled_objects(repo: Path) -> None:
    for file in (repo / "objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(os.urandom(60))


def _lost_objects(repo: Path) -> None:
    shutil.rmtree(repo / "objects")
    (repo / "objects").mkdir()


def _garbled_config(repo: Path) -> None:
    (repo / "config").write_text("[core\n\0")


def _torn_pack(repo: Path) -> None:
    subprocess.run(["git", "--git-dir", repo, "repack", "-adq"], check=True)
    for pack in (repo / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 2])


def _no_repository(repo: Path) -> None:
    for name in ("HEAD", "refs", "objects"):
        place = repo / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def _garbled_refs(repo: Path) -> None:
    (repo / "packed-refs").write_text("garbage\n\0")


def _a_file(repo: Path) -> None:
    shutil.rmtree(repo)
    repo.write_text("not a folder")


@pytest.mark.parametrize(
    "damage",
    [
        _garbled_refs,
        _a_file,
        _empty_ref,
        _empty_objects,
        _garbled_objects,
        _lost_objects,
        _garbled_config,
        _torn_pack,
        _no_repository,
    ],
)
async def test_a_damaged_mirror_is_made_anew(
    make_kit: MakeKit, shop: Path, repository: Repository, damage: Callable[[Path], None]
) -> None:
    """A power cut in a fetch costs one more fetch, not each deploy from then on."""
    kit = make_kit()
    await kit.ask("deploy shop prod --ref v1")
    damage(shop / "repo")
    # one that was fetched before for half of them, one that was not for the others
    ref, version = ("v1", "v1") if damage.__name__ < "_l" else ("main", "v3")
    repository.commit("v3")
    asked = await kit.ask(f"deploy shop prod --ref {ref}")
    assert asked.state is State.SUCCEEDED, asked.text
    assert live_version(shop) == version
    assert (shop / "current" / "REVISION").exists()
    left = {name for name in os.listdir(shop) if "repo" in name}
    assert left == ({"repo", "repo.damaged"} if damage is _a_file else {"repo"})
    assert (await kit.ask("deploy shop prod --ref v2")).state is State.SUCCEEDED


async def test_a_repository_that_is_away_costs_no_mirror(
    make_kit: MakeKit, shop: Path, repository: Repository
) -> None:
    """What was fetched is kept when the repository, not the mirror, is at fault."""
    kit = make_kit()
    await kit.ask("deploy shop prod --ref v1")
    before = os.stat(shop / "repo").st_ino
    repository.path.rename(repository.path.with_name("away"))
    assert (await kit.ask("deploy shop prod --ref v1")).state is State.FAILED
    assert os.stat(shop / "repo").st_ino == before


async def test_the_mirror_is_packed(make_kit: MakeKit, shop: Path, repository: Repository) -> None:
    """As git would do it by itself: packs do not grow with deploys, and it is over with the
    deploy."""
    user_git("gc.autoPackLimit", "3")
    user_git("fetch.unpackLimit", "1")
    for number in range(6):
        repository.commit(f"r{number}")
        asked = await make_kit().ask(f"deploy shop prod --ref r{number}")
        assert asked.state is State.SUCCEEDED
    assert len(list((shop / "repo" / "objects" / "pack").glob("*.pack"))) <= 3
    assert not (shop / "repo" / "gc.pid").exists()
