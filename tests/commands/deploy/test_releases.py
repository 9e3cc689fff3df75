from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from baton.errors import Failed, Refused
from commands.deploy.lock import LockNote, deploy_lock
from commands.deploy.releases import Releases

WHEN = datetime(2026, 11, 24, 5, 55, 1, tzinfo=UTC)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    made = Releases(tmp_path)
    made.prepare()
    return made


def test_a_release_is_named_by_time_and_ref(releases: Releases) -> None:
    """The name sorts by time, tells the ref, is a plain folder name and is never taken twice."""
    assert releases.create("v1", WHEN).name == "20261124055501-v1"
    assert releases.create("v1", WHEN).name == "20261124055501-v1-2"
    assert releases.create("feature/a b", WHEN).name == "20261124055501-feature-a-b"
    releases.set_aside("20261124055501-v1")
    assert releases.create("v1", WHEN).name == "20261124055501-v1-3"


async def test_current_is_never_missing_while_it_is_switched(releases: Releases) -> None:
    """Whoever looks at any moment finds one release or the other."""
    names = [releases.create(ref, WHEN).name for ref in ("a", "b")]
    releases.activate(names[0])
    seen = set()
    done = asyncio.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(os.readlink(releases.link))

    looking = asyncio.create_task(asyncio.to_thread(look))
    try:
        for turn in range(500):
            releases.activate(names[turn % 2])
            if turn % 50 == 0:
                await asyncio.sleep(0)
    finally:
        done.set()
    await looking
    assert seen <= {f"releases/{name}" for name in names}


def test_what_is_live_is_not_removed(releases: Releases) -> None:
    """Neither pruning, nor cleaning up, nor setting aside touches the live release."""
    names = [releases.create(ref, WHEN).name for ref in ("a", "b", "c", "d")]
    releases.activate(names[0])
    releases.remove(names[0])
    releases.set_aside(names[0])
    releases.set_aside(names[3])
    releases.prune(keep=1)
    assert sorted(os.listdir(releases.folder)) == [names[0], names[2]]
    assert releases.current() == names[0]


def test_only_what_is_a_release_is_current(releases: Releases, tmp_path: Path) -> None:
    """A link to somewhere else or to nothing is no release to go back to."""
    assert releases.current() is None
    releases.link.symlink_to(tmp_path / "shared")
    assert releases.current() is None
    releases.link.unlink()
    releases.link.symlink_to("releases/gone")
    assert releases.current() is None


def test_a_read_only_tree_can_be_removed(releases: Releases) -> None:
    """Folders without write permission, as Go's module cache has them, are pruned too."""
    release = releases.create("a", WHEN)
    (release / "deep" / "er").mkdir(parents=True)
    (release / "deep" / "er" / "file").touch()
    (release / "deep" / "er").chmod(0o500)
    (release / "deep").chmod(0o500)
    releases.remove(release.name)
    assert not release.exists()


def test_names_that_lead_elsewhere_are_not_removed(releases: Releases) -> None:
    """A note that was tampered with removes nothing outside of the releases."""
    (releases.path / "keep").mkdir()
    releases.remove("../keep")
    releases.remove("keep")
    assert (releases.path / "keep").is_dir()


def test_a_shared_path_does_not_lead_out_of_the_release(releases: Releases, tmp_path: Path) -> None:
    """A link in the repository cannot make sharing replace files elsewhere."""
    release = releases.create("a", WHEN)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("keep")
    (release / "config").symlink_to(tmp_path / "outside")
    (releases.path / "shared" / "config").mkdir()
    (releases.path / "shared" / "config" / "file").touch()
    with pytest.raises(Failed, match="points out of the release"):
        releases.share(release, ["config/file"])
    assert (tmp_path / "outside" / "file").read_text() == "keep"


def test_nothing_is_made_beyond_a_link_of_the_repository(
    releases: Releases, tmp_path: Path
) -> None:
    """Not even a folder on the way to what is shared, however deep it is to be."""
    release = releases.create("a", WHEN)
    (tmp_path / "outside").mkdir()
    (release / "config").symlink_to(tmp_path / "outside")
    for name in ("config/deep/er/", "config/log/"):
        with pytest.raises(Failed, match="points out of the release"):
            releases.share(release, [name])
    assert os.listdir(tmp_path / "outside") == []


def test_a_link_that_stays_inside_is_no_way_out(releases: Releases) -> None:
    """What a repository links to within itself is shared there."""
    release = releases.create("a", WHEN)
    (release / "conf").mkdir()
    (release / "config").symlink_to("conf")
    releases.share(release, ["config/log/"])
    assert os.path.realpath(release / "conf" / "log") == str(releases.path / "shared/config/log")


@pytest.mark.parametrize("kind", ["link", "dangling", "folder link", "hard link", "read-only file"])
def test_the_commit_is_never_written_through_what_the_repository_holds(
    releases: Releases, tmp_path: Path, kind: str
) -> None:
    """REVISION is a new file of the release, whatever had its name: no other file is changed."""
    release = releases.create("a", WHEN)
    victim, place = tmp_path / "authorized_keys", release / "REVISION"
    victim.write_text("keep")
    if kind == "hard link":
        place.hardlink_to(victim)
    elif kind == "read-only file":
        place.touch(0o400)
    else:
        place.symlink_to({"link": victim, "dangling": tmp_path / "made"}.get(kind, tmp_path))
    releases.revision(release, "0123abcd")
    assert (place.read_text(), place.is_symlink()) == ("0123abcd\n", False)
    assert victim.read_text() == "keep"
    assert not (tmp_path / "made").exists()


def test_a_folder_in_place_of_the_commit_is_said(releases: Releases) -> None:
    """It is the repository's own: it is not removed."""
    release = releases.create("a", WHEN)
    (release / "REVISION").mkdir()
    with pytest.raises(Failed, match="the repository has a folder REVISION"):
        releases.revision(release, "0123abcd")


def test_a_commit_is_not_read_through_a_link(releases: Releases, tmp_path: Path) -> None:
    """Nor from what never ends."""
    release = releases.create("a", WHEN)
    (tmp_path / "other").write_text("0123abc\n")
    (release / "REVISION").symlink_to(tmp_path / "other")
    assert releases.commit_of(release.name) == ""
    (release / "REVISION").unlink()
    os.mkfifo(release / "REVISION")
    assert releases.commit_of(release.name) == ""


def test_one_that_cannot_be_removed_keeps_no_other(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest goes; what is half removed no longer looks like a release, and goes next time."""
    names = [releases.create(ref, WHEN).name for ref in ("a", "b", "c", "d")]
    (releases.folder / names[0] / "cache").mkdir()
    rmdir = os.rmdir

    def refuse(path: str, **options: Any) -> None:
        if "cache" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        rmdir(path, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", refuse)
        problems = releases.prune(keep=1)
    assert [problem.strerror for problem in problems] == ["Permission denied"]
    assert sorted(os.listdir(releases.folder)) == [f"{names[0]}.removing", names[3]]
    assert releases.create("a", WHEN).name == "20261124055501-a-2"
    assert releases.prune(keep=2) == []
    assert f"{names[0]}.removing" not in os.listdir(releases.folder)


@pytest.mark.parametrize("target", ["releases/{}/public", "{root}/releases/{}", "stable"])
def test_what_is_live_by_another_way_is_live(releases: Releases, target: str) -> None:
    """A link to a folder in a release, an absolute one, or one by way of another link: it is
    neither pruned nor set aside."""
    names = [releases.create(ref, WHEN).name for ref in ("a", "b", "c")]
    (releases.folder / names[0] / "public").mkdir()
    (releases.path / "stable").symlink_to(f"releases/{names[0]}")
    releases.point(target.format(names[0], root=releases.path))
    assert releases.current() == names[0]
    releases.set_aside(names[0])
    assert releases.prune(keep=1) == []
    assert sorted(os.listdir(releases.folder)) == [names[0], names[2]]


def test_a_commit_is_read_only_if_it_is_one(releases: Releases) -> None:
    """REVISION is trusted to hold a commit only when it looks like one."""
    release = releases.create("a", WHEN)
    assert releases.commit_of(release.name) == ""
    (release / "REVISION").write_bytes(b"\xff")
    assert releases.commit_of(release.name) == ""
    (release / "REVISION").write_text("--help")
    assert releases.commit_of(release.name) == ""
    (release / "REVISION").write_text("0123abc\n")
    assert releases.commit_of(release.name) == "0123abc"


def test_the_lock_names_its_holder_and_is_free_again(tmp_path: Path) -> None:
    """Who holds the lock is told to the next; after it, nothing is left to clean up."""
    note = LockNote(job="j1", requester="U_ANN", what="shop v2", since="05:55:01 UTC")
    with (
        deploy_lock(tmp_path, note),
        pytest.raises(Refused, match=r"shop v2 \(job j1, requested by U_ANN, since 05:55:01 UTC\)"),
        deploy_lock(tmp_path, LockNote()),
    ):
        pass
    with deploy_lock(tmp_path, LockNote()) as lock:
        assert lock.left is None


def test_an_interrupted_deploy_leaves_its_note(tmp_path: Path) -> None:
    """What is noted and not struck off is what the next one finds; a torn note is no note."""
    with deploy_lock(tmp_path, LockNote(job="j1")) as lock:
        lock.note(release="20261124055501-v1", group=7)
    with deploy_lock(tmp_path, LockNote(job="j2")) as lock:
        assert lock.left == LockNote(job="j1", release="20261124055501-v1", group=7)
        assert lock.left is not None
    (tmp_path / "deploy.lock").write_text('{"job": "j1", "rel')
    with deploy_lock(tmp_path, LockNote()) as lock:
        assert lock.left is None
