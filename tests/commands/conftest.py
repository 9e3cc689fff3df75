"""A real repository, and a real folder to deploy to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baton.server import Server
from baton.testing import Kit
from commands.deploy import extension


class Repository:
    """A git repository with tags v1 and v2 on branch main; `commit` adds to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("v1")
        self.commit("v2")

    def git(self, *words: str) -> str:
        """What git says."""
        identity = {
            **{f"GIT_{who}_NAME": "T" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "t@localhost" for who in ("AUTHOR", "COMMITTER")},
        }
        done = subprocess.run(
            ["git", "-C", str(self.path), *words],
            env={**os.environ, **identity},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, version: str, tag: bool = True, **files: str) -> str:
        """A commit whose file `version` says `version`; its id."""
        for name, text in {"version": f"{version}\n", **files}.items():
            place = self.path / name.replace("__", "/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", version)
        if tag:
            self.git("tag", version)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def repository(tmp_path: Path, _own_home: None) -> Repository:
    return Repository(tmp_path / "origin")


MakeKit = Callable[..., Kit]


@pytest.fixture
def make_kit(tmp_path: Path, repository: Repository) -> MakeKit:
    """A kit for deploys of shop to `tmp_path/shop`, with more settings given by keyword."""

    def make(**settings: Any) -> Kit:
        table = {"path": str(tmp_path / "shop"), "grace": 0.5, **settings}
        if not {"fetch", "archive"} & table.keys():
            table.setdefault("repository", str(repository.path))
        server = Server("prod", fqdn="web-1.example.com")
        return Kit(extension, settings={"shop": table}, server=server)

    return make


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Where shop is deployed."""
    return tmp_path / "shop"
