"""`baton new`: what it writes is whole, clean and works at once; else nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton.scaffold import making
from baton.scaffold.answers import Answers
from baton.scaffold.making import FolderTaken, NotWritten, make, source_of_baton
from baton.scaffold.record import NAME, Record, RecordUnusable, read_record
from baton.scaffold.template import render
from bot.cli import app
from tests.baton.scaffold.conftest import ANSWERS, git

SHORT = Answers("x", "x", 2026)
LONG = Answers("a" + "-very" * 6 + "-l", "another-very-very-long-name-of-1", 2026)


def ran(folder: Path, *words: str, **env: str) -> str:
    """What a tool of Python says in `folder`; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_passes_its_own_tests(made: Path) -> None:
    """At once, as it was written. Its types are checked by `make check`, which reads the template,
    and by tests/install."""
    assert "12 passed" in ran(made, "pytest", "-q", "-p", "no:cacheprovider")
    assert git(made, "status", "--porcelain") == ""


@pytest.mark.parametrize("answers", [SHORT, LONG, ANSWERS, Answers("acme", "run", 2026)])
def test_it_is_formatted_whatever_its_names_are(tmp_path: Path, answers: Answers) -> None:
    """ruff finds nothing, with the shortest names and the longest."""
    folder = tmp_path / "new"
    make(answers, folder, source="", git=False)
    ran(folder, "ruff", "format", "--check", "--no-cache", ".")
    ran(folder, "ruff", "check", "--no-cache", ".")


def test_no_word_of_the_template_is_left() -> None:
    """Neither in a file nor in the name of one."""
    for path, content in render(ANSWERS).items():
        for word in ("newpackage", "new-package", "newcommand", "NewCommand", "0000"):
            assert word not in path
            assert word.encode() not in content, path


def test_what_is_in_it() -> None:
    """Command, consumer, settings, processor, monitor, tests, README, entry points, CI, licence."""
    assert set(render(ANSWERS)) == {
        ".github/workflows/test.yml",
        ".gitignore",
        "LICENSE",
        "Makefile",
        "README.md",
        "pyproject.toml",
        "src/acme_disk/__init__.py",
        "src/acme_disk/command.py",
        "src/acme_disk/consumer.py",
        "src/acme_disk/monitor.py",
        "src/acme_disk/processor.py",
        "src/acme_disk/py.typed",
        "src/acme_disk/settings.py",
        "tests/test_acme_disk.py",
        "tests/test_acme_disk_processor.py",
    }


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing is overwritten, and nothing half made lies beside it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for folder, said in ((tmp_path / "mine", "is not empty"), (tmp_path / "file", "is a file")):
        with pytest.raises(FolderTaken, match=said):
            make(ANSWERS, folder, source="", git=False)
    assert sorted(os.listdir(tmp_path)) == ["file", "mine"]
    assert os.listdir(tmp_path / "mine") == ["file"]
    (tmp_path / "empty").mkdir()
    make(ANSWERS, tmp_path / "empty", source="", git=False)
    assert (tmp_path / "empty" / "README.md").exists()


def test_in_a_repository_it_becomes_a_part_of_that(tmp_path: Path) -> None:
    """No repository lies in another; what is added there is whoever's own choice."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    make(ANSWERS, outer / "packages" / "new", source="", git=True)
    assert not (outer / "packages" / "new" / ".git").exists()
    assert git(outer, "status", "--porcelain") == "?? packages/\n"


def test_an_error_on_the_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, a git that is not there: all or nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotWritten, match="install it, or use --no-git"):
        make(ANSWERS, tmp_path / "new", source="", git=True)

    def full(path: Path, text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(NotWritten, match="No space left"):
        make(ANSWERS, tmp_path / "new", source="", git=False)
    assert os.listdir(tmp_path) == []


def test_where_baton_is_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make test` finds it where pip did, by a file that is not in git."""

    class Found:
        def __init__(self, text: str | None) -> None:
            self.text = text

        def read_text(self, name: str) -> str | None:
            return self.text

    wheel = tmp_path / "baton $.whl"
    wheel.write_text("")
    for text, source in (
        (None, ""),
        ("not JSON", ""),
        ('{"url": "file://%s", "dir_info": {}}' % tmp_path, str(tmp_path)),  # noqa: UP031
        (f'{{"url": "file://{tmp_path}/baton%20$.whl", "archive_info": {{}}}}', str(wheel)),
        ('{"url": "file:///gone", "dir_info": {}}', ""),
        (
            '{"url": "https://git.example.com/b", "vcs_info": {"commit_id": "a1"}}',
            "git+https://git.example.com/b@a1",
        ),
    ):
        monkeypatch.setattr(making, "distribution", lambda name, text=text: Found(text))
        assert source_of_baton() == source
    make(ANSWERS, tmp_path / "new", source=str(wheel), git=True)
    assert (tmp_path / "new/local.mk").read_text() == f"BATON = {tmp_path}/baton $$.whl\n"
    assert "local.mk" not in git(tmp_path / "new", "ls-files")


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what comes next. Names that chat or this program has are refused."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new", "acme-disk", "--command", "disk"])
    assert done.exit_code == 0, done.output
    assert "cd acme-disk && make test" in done.output
    assert read_record(tmp_path / "acme-disk").answers.command == "disk"
    for command in ("deploy", "doctor", "help", "baton"):
        refused = CliRunner().invoke(app, ["new", "acme-other", "--command", command])
        assert "has a command of that name" in str(refused.exception)
    refused = CliRunner().invoke(app, ["new", "pydantic"])
    assert "cannot be called" in str(refused.exception)
    assert CliRunner().invoke(app, ["new"]).exit_code == 2
    assert CliRunner().invoke(app, ["new", "acme-x", "--update"]).exit_code == 2
    assert os.listdir(tmp_path) == ["acme-disk"]


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All of it; and one that was damaged is refused with what to do."""
    record = Record("2.0.0", ANSWERS, render(ANSWERS))
    file = tmp_path / NAME
    file.write_text(record.text())
    assert read_record(tmp_path) == record
    whole = record.text()
    for text in ("", whole.replace("year = 2026", ""), whole.replace("eN", "xx"), "year = [", "\0"):
        file.write_text(text)
        with pytest.raises(RecordUnusable, match="Take it from git again"):
            read_record(tmp_path)
    evil = Record("2.0.0", ANSWERS, {"../outside": b""})
    file.write_text(evil.text())
    with pytest.raises(RecordUnusable):
        read_record(tmp_path)
    file.unlink()
    with pytest.raises(RecordUnusable, match="in the folder of a package that"):
        read_record(tmp_path)


def test_the_wheel_holds_the_template() -> None:
    """An installation without a checkout can make packages too."""
    import tomllib

    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["examples/package"] == "baton/scaffold/template"
    assert metadata.version("baton-chatops")
