"""The application that the demo deploys: a web shop of a few lines, in a git repository of its own.

Its tags are `v1`, `v2` and `broken`, whose health check fails; `main` is at `v2`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

from baton.errors import BatonError

REFS = ("v1", "v2", "broken", "main")


class GitMissing(BatonError):
    """The demo deploys from a git repository, and the program git was not found. Install it
    (Debian: apt install git), then try again."""

    permanent = True


class GitFailed(BatonError):
    """The demo could not make its git repository: git {command}: {reason}."""


_SHOP = '''\
"""A shop: `python3 shop.py PORT NAME` serves it on this machine only."""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "@VERSION@"
GOODS = @GOODS@
HEALTHY = @HEALTHY@


def price(goods, pieces):
    """What `pieces` of `goods` cost, in cents; ten or more are a tenth cheaper."""
    total = GOODS[goods] * pieces
    return total * 9 // 10 if pieces >= 10 else total


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            state = {"version": VERSION, "commit": os.environ.get("BATON_COMMIT", "")}
            self.answer(200 if HEALTHY else 500, json.dumps(state))
        else:
            self.answer(200, f"shop {VERSION} on {sys.argv[2]} sells {', '.join(GOODS)}")

    def answer(self, status, text):
        body = f"{text}\\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def leave_with(pid):
    """End this server when the process `pid` is gone, however it went."""
    while True:
        time.sleep(1)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            os._exit(0)


if __name__ == "__main__":
    if "DEMO_PID" in os.environ:
        threading.Thread(
            target=leave_with, args=(int(os.environ["DEMO_PID"]),), daemon=True
        ).start()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
'''

_TESTS = """\
import unittest

import shop


class Prices(unittest.TestCase):
    def test_one_piece(self):
        for goods, cents in shop.GOODS.items():
            self.assertEqual(shop.price(goods, 1), cents)

    def test_ten_are_cheaper(self):
        for goods, cents in shop.GOODS.items():
            self.assertEqual(shop.price(goods, 10), cents * 9)


class Goods(unittest.TestCase):
    def test_there_is_something_to_sell(self):
        self.assertTrue(shop.GOODS)


if __name__ == "__main__":
    unittest.main()
"""

_IMPORT = '''\
"""Reads the goods in, as a shop with a real catalogue would: it takes its time."""

import time

import shop

for number, (goods, cents) in enumerate(shop.GOODS.items(), 1):
    time.sleep(0.4)
    print(f"{number} of {len(shop.GOODS)}: {goods}, {cents / 100:.2f}", flush=True)
'''

_RESTART = '''\
"""`python3 restart.py PORT PIDFILE NAME`: ends the server that runs, and starts this release."""

import os
import signal
import socket
import subprocess
import sys
import time

port, pidfile, name = sys.argv[1:]
try:
    pid = int(open(pidfile).read())
    os.kill(pid, signal.SIGTERM)
    print(f"ended process {pid}", flush=True)
    while True:
        os.kill(pid, 0)
        time.sleep(0.02)
except (OSError, ValueError):
    pass

with open(f"{pidfile}.log", "ab") as log:
    server = subprocess.Popen(
        [sys.executable, "shop.py", port, name],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )
with open(pidfile, "w") as file:
    file.write(str(server.pid))
while server.poll() is None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", int(port))) == 0:
            break
    time.sleep(0.02)
print(f"started process {server.pid}: http://127.0.0.1:{port}/", flush=True)
'''

_GOODS = {"v1": ("tea", "coffee", "honey")}
_MORE = ("tea", "coffee", "honey", "bread", "apples")
_CENTS = {"tea": 450, "coffee": 620, "honey": 780, "bread": 390, "apples": 210}


async def make_repository(folder: Path) -> Path:
    """Make the repository in `folder`, and return it; one that is there already stays as it is.

    Raises GitMissing or GitFailed.
    """
    if (folder / ".git").exists():
        return folder
    if shutil.which("git") is None:
        raise GitMissing()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await _git(folder, "init", "--quiet")
    await _git(folder, "symbolic-ref", "HEAD", "refs/heads/main")
    for tag, words in (
        ("v1", "Sell tea, coffee and honey"),
        ("v2", "Sell bread and apples too"),
        ("broken", "Answer faster"),
    ):
        await asyncio.to_thread(_write, folder, tag)
        await _git(folder, "add", "--all")
        await _git(folder, "commit", "--quiet", "--message", words)
        await _git(folder, "tag", tag)
    await _git(folder, "reset", "--quiet", "--hard", "v2")
    return folder


def _write(folder: Path, tag: str) -> None:
    goods = {name: _CENTS[name] for name in _GOODS.get(tag, _MORE)}
    shop = _SHOP.replace("@VERSION@", tag).replace("@GOODS@", repr(goods))
    files = {
        "shop.py": shop.replace("@HEALTHY@", str(tag != "broken")),
        "test_shop.py": _TESTS,
        "import_goods.py": _IMPORT,
        "restart.py": _RESTART,
    }
    for name, text in files.items():
        (folder / name).write_text(text)


async def _git(folder: Path, *words: str) -> None:
    """Run git as if nobody had configured it: no hooks, no signatures, no templates."""
    process = await asyncio.create_subprocess_exec(
        "git",
        *("-c", "init.templateDir=", "-c", "commit.gpgSign=false"),
        *words,
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Demo",
            "GIT_AUTHOR_EMAIL": "demo@localhost",
            "GIT_COMMITTER_NAME": "Demo",
            "GIT_COMMITTER_EMAIL": "demo@localhost",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        reason = said.decode("utf-8", "replace").strip() or f"exit code {process.returncode}"
        raise GitFailed(command=words[0], reason=reason)


if __name__ == "__main__":
    asyncio.run(make_repository(Path(sys.argv[1])))
