"""A repository behind a password: nobody else on the server sees it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from baton.bus.messages import State
from tests.commands.conftest import MakeKit, Repository
from tests.commands.deploy.git import git, user_git

PASSWORD = "p@ss/w%rd!'s"


QUOTED = "p%40ss%2Fw%25rd%21%27s"


class Guarded:
    """A repository over HTTP that wants a password, and looks at the arguments of all processes
    while it is asked."""

    def __init__(self, folder: Path, login: str) -> None:
        self.arguments: list[str] = []
        wanted = "Basic " + base64.b64encode(login.encode()).decode()
        guarded = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                guarded.arguments += _arguments()
                if self.headers.get("Authorization") == wanted:
                    super().do_GET()
                    return
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                """The batch API of git-lfs: where each object is."""
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                known = self.headers.get("Authorization") == wanted
                href = f"http://{guarded.host}/shop.git/lfs/objects"
                objects = [
                    {**one, "actions": {"download": {"href": _large(href, one["oid"])}}}
                    for one in asked["objects"]
                ]
                body = json.dumps({"objects": objects} if known else {"message": "no"}).encode()
                self.send_response(200 if known else 401)
                if not known:
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Type", "application/vnd.git-lfs+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(folder))
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _large(where: str, oid: str) -> str:
    return f"{where}/{oid[:2]}/{oid[2:4]}/{oid}"


def _arguments() -> list[str]:
    """The arguments of every git that runs, as each user of the server sees them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "git" in text:
            found.append(text)
    return found


@pytest.fixture
def guarded(repository: Repository, tmp_path: Path) -> Iterator[Callable[[str], Guarded]]:
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "http" / "shop.git"))
    subprocess.run(["git", "-C", tmp_path / "http" / "shop.git", "update-server-info"], check=True)
    made: list[Guarded] = []

    def make(login: str) -> Guarded:
        made.append(Guarded(tmp_path / "http", login))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("login", "written"),
    [(f"ann:{PASSWORD}", f"ann:{QUOTED}"), ("ghp_0123456789abcdef:", "ghp_0123456789abcdef")],
    ids=["password", "token"],
)
async def test_a_password_is_in_nobodys_arguments(
    make_kit: MakeKit,
    shop: Path,
    guarded: Callable[[str], Guarded],
    login: str,
    written: str,
) -> None:
    """Nor in what is said, nor on the disk: git asks for it when it needs it."""
    site = guarded(login)
    secret = login.partition(":")[2] or login.rstrip(":")
    user_git("credential.helper", "store")
    kit = make_kit(repository=f"http://{written}@{site.host}/shop.git")
    said = ""
    for words in ("deploy shop prod --ref v1", "deploy shop prod"):
        asked = await kit.ask(words)
        assert asked.state is State.SUCCEEDED, asked.text + asked.log
        said += "\n".join(update.model_dump_json() for update in asked.updates)
    assert site.arguments
    for text in (*site.arguments, said, (shop / "repo" / "config").read_text()):
        assert secret not in text
        assert QUOTED not in text
    assert not (Path.home() / ".git-credentials").exists()


async def test_large_files_behind_a_password_are_in_the_release(
    make_kit: MakeKit,
    shop: Path,
    repository: Repository,
    guarded: Callable[[str], Guarded],
    tmp_path: Path,
) -> None:
    """git-lfs gets the password of the address as git does, and does not show it either."""
    git("lfs", "install")
    repository.git("lfs", "track", "*.bin")
    (repository.path / "big.bin").write_bytes(content := os.urandom(50_000))
    repository.commit("v3")
    origin = tmp_path / "http" / "shop.git"
    repository.git("push", "--quiet", "--no-verify", str(origin), "--all")
    repository.git("push", "--quiet", "--no-verify", str(origin), "--tags")
    shutil.copytree(repository.path / ".git" / "lfs" / "objects", origin / "lfs" / "objects")
    git("-C", str(origin), "update-server-info")
    site = guarded(f"ann:{PASSWORD}")
    kit = make_kit(repository=f"http://ann:{QUOTED}@{site.host}/shop.git")
    asked = await kit.ask("deploy shop prod --ref v3")
    assert asked.state is State.SUCCEEDED, asked.text + asked.log
    assert (shop / "current" / "big.bin").read_bytes() == content
    assert PASSWORD not in "".join(site.arguments)


async def test_a_wrong_password_is_not_shown(
    make_kit: MakeKit, guarded: Callable[[str], Guarded]
) -> None:
    """The repository says no; nobody is asked for a better one."""
    site = guarded("ann:other")
    kit = make_kit(repository=f"http://ann:{QUOTED}@{site.host}/shop.git")
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    said = "\n".join(update.model_dump_json() for update in asked.updates)
    assert PASSWORD not in said
    assert QUOTED not in said
