"""What a runner says that it made is looked at before it is reported."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from baton.bus.bounds import Details
from baton.errors import Failed
from baton.worker.artifacts import MOST, Artifacts
from baton.worker.settings import RunnerSettings
from baton.worker.work import Artifact, Outcome


async def test_a_file_is_reported_with_its_size_and_checksum(tmp_path: Path) -> None:
    """Read in pieces: a large one is never in memory as a whole."""
    content = os.urandom(3_000_000)
    (tmp_path / "a b.pdf").write_bytes(content)
    (tmp_path / "empty").touch()
    paths = [str(tmp_path / "a b.pdf"), str(tmp_path / "empty"), str(tmp_path / "empty")]
    first, second = await Artifacts().look(paths)
    assert (first.size, first.sha256) == (3_000_000, hashlib.sha256(content).hexdigest())
    assert first.link == first.path
    assert (second.size, second.sha256) == (0, hashlib.sha256().hexdigest())


async def test_a_link_leads_to_where_the_folder_is_served(tmp_path: Path) -> None:
    """The base is the configuration's; what is not below the folder has its path on the host."""
    inside, outside = tmp_path / "out" / "may" / "a b#?.pdf", tmp_path / "more" / "c.pdf"
    for file in (inside, outside):
        file.parent.mkdir(parents=True)
        file.touch()
    settings = RunnerSettings.model_validate(
        {
            "runner": "shell!make",
            "folder": tmp_path / "out",
            "artifacts_from": [tmp_path / "more"],
            "artifacts_url": "https://files.example.com/reports/",
        }
    )
    one, two = await Artifacts.of(settings).look([str(inside), str(outside)])
    assert one.link == "https://files.example.com/reports/may/a%20b%23%3F.pdf"
    assert two.link == str(outside)


@pytest.mark.parametrize("keys", [{"artifacts": ["x"]}, {"artifacts_url": "https://x/y"}])
def test_without_a_folder_nothing_says_where_they_are(keys: dict[str, object]) -> None:
    """A value of a request could lead anywhere, and no link would fit."""
    with pytest.raises(ValidationError, match="given together with `folder`"):
        RunnerSettings.model_validate({"runner": "shell!make", **keys})


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with all that is no artifact of its own."""
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    return folder


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("report.pdf", "'report.pdf' is not an absolute path"),
        ("", "'' is not an absolute path"),
        ("{}/gone", "/out/gone cannot be read: it is not there"),
        ("{}/sub", "/out/sub is not a plain file"),
        ("{}/pipe", "/out/pipe is not a plain file"),
        ("{}/loop", "cannot be read: "),
        ("{}/../secret", r"secret is not in .*/out \(it leads to .*secret\)"),
        ("{}/link", r"/out/link is not in .*/out \(it leads to .*/secret\)"),
        ("{}/linked/secret", "is not in .*/out"),
        ("/dev/zero", "is not in .*/out"),
        ("{}/a\0b", "not a path that can be written as text"),
        ("{}/a\nb", "not a path that can be written as text"),
        ("{}/\udcff", "not a path that can be written as text"),
        ("/" + "a" * 5_000, "not a path that can be written as text"),
        ("/" + "a/" * 2_000, "cannot be read: it is not there"),
    ],
)
async def test_what_is_no_file_of_its_folder_fails_the_job(odd: Path, path: str, says: str) -> None:
    with pytest.raises(Failed, match=says):
        await Artifacts((odd,)).look([path.replace("{}", str(odd))])


async def test_a_device_never_ends_and_is_not_read() -> None:
    """Without a folder any plain file will do, and nothing else."""
    with pytest.raises(Failed, match="/dev/zero is not a plain file"):
        await Artifacts().look(["/dev/zero"])


async def test_too_many_are_refused_before_any_is_read() -> None:
    with pytest.raises(Failed, match=r"1,001 artifacts; at most 1,000"):
        await Artifacts().look([f"/no/{n}" for n in range(MOST + 1)])


async def test_a_file_that_is_still_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checksum of half a file would be a lie; one that grows for ever is not read for ever."""
    growing = tmp_path / "growing"
    growing.write_bytes(b"x")
    read = os.read

    def grow(descriptor: int, size: int) -> bytes:
        with growing.open("ab") as file:
            file.write(b"more")
        return read(descriptor, size)

    monkeypatch.setattr("baton.worker.artifacts.os.read", grow)
    with pytest.raises(Failed, match="growing was still being written when the job had ended"):
        await Artifacts().look([str(growing)])


def test_the_facts_of_many_artifacts_fit_into_an_update() -> None:
    """Those that have room, and how many there are; the message is valid whatever the paths are."""
    many = tuple(
        Artifact(f"/srv/{'é' * 300}/{n}", 10, "0" * 64, f"https://x/{'%C3%A9' * 300}/{n}")
        for n in range(MOST)
    )
    facts = Outcome("", many).facts
    assert TypeAdapter(Details).validate_python(facts) == facts
    assert facts["artifacts_in_all"] == MOST
    listed = facts["artifacts"]
    assert isinstance(listed, list)
    assert 2 < len(listed) < MOST
    assert Outcome().facts == {}
