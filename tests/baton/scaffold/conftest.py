"""Packages that were made, and git as anybody has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from baton.scaffold.answers import Answers
from baton.scaffold.making import make

ANSWERS = Answers("acme-disk", "disk", 2026)


@pytest.fixture(autouse=True)
def git_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """git with an author, and with no settings of this machine."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A new package, committed."""
    folder = tmp_path / "acme-disk"
    make(ANSWERS, folder, source="", git=True)
    git(folder, "commit", "-qm", "as it was made")
    return folder
