"""A real repository, a real folder to deploy to, a real server to ask for health."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
        if "fetch" not in table:
            table.setdefault("repository", str(repository.path))
        server = Server("prod", fqdn="web-1.example.com")
        return Kit(extension, settings={"shop": table}, server=server)

    return make


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Where shop is deployed."""
    return tmp_path / "shop"


class Site:
    """A web server on loopback; `answer` says what it answers to a path."""

    def __init__(self) -> None:
        self.answer: Callable[[str], tuple[int, bytes]] = lambda path: (200, b"fine")
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, body = site.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()
