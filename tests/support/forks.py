"""Starts `baton` by fork, of a process that has imported it.

Importing takes a bot 1.4 s of processor time, and the tests start it hundreds of times. What is
forked is a process as any other: it has its own id, session, environment, folder, streams and
signals, its own event loop, threads and numbers by chance; kill -9 ends it. It shares only what
importing makes. So tests of the start itself, which give Python options or variables, count
memory or look for imports, start a Python of their own.

This file is also two programs: the process that forks (`serve`), which ends with the tests, and one
(`stand_in`) that stands where asyncio wants to start a process, passes its streams and signals on,
and ends as what was forked for it does.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ARGUMENTS = 1_000_000
"""Bytes that arguments and environment of a start may have."""
LATE = ("bot.app.serve", "bot.demo.play", "bot.doctor", "baton.agent.service", "commands.deploy")
"""What the command line imports only when it is needed."""
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Forked:
    """A running `baton`, which ends with the tests, as one that is Guarded does."""

    def __init__(
        self, words: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path
    ) -> None:
        with log.open("ab") as output, open(os.devnull, "rb") as nothing:
            streams = [nothing.fileno(), output.fileno(), output.fileno()]
            self._link = _asked(_server(), list(map(str, words)), env, str(cwd), streams)
        self._said = self._link.makefile("r")
        self.pid = int(self._said.readline())
        """Its process id."""
        self.exit_code: int | None = None
        """How it ended by itself or by `signal`, minus the signal that killed it; None while it
        runs."""
        self._ended = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def running(self) -> bool:
        """Is it there?"""
        return not self._ended.is_set()

    def signal(self, number: int, timeout: float = 60) -> None:
        """Send it signal `number` and wait until it has ended."""
        if self.running:
            os.kill(self.pid, number)
            if not self._ended.wait(timeout):
                raise TimeoutError(f"process {self.pid} has not ended after signal {number}")
        self.end()

    def end(self) -> None:
        """Kill it and its process group."""
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_WR)
        self._ended.wait(60)
        self._said.close()
        self._link.close()

    def _follow(self) -> None:
        self.exit_code = int(self._said.readline() or -signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # what it has left
        self._ended.set()


def stand_in_for(*words: str) -> list[str]:
    """The command that starts `baton WORDS` by fork; its end is that of what was forked."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), "start", _server(), *words]


@functools.cache
def _server() -> str:
    """The address of the process that forks, started when first asked for."""
    folder = tempfile.mkdtemp(prefix="baton-forks-")
    address = f"{folder}/asks"
    process = subprocess.Popen(
        [sys.executable, Path(__file__).resolve(), "serve", address],
        stdin=subprocess.PIPE,  # it ends when this closes, also if we are killed
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(process.communicate)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return address


def _asked(
    address: str, words: list[str], env: Mapping[str, str], cwd: str, streams: list[int]
) -> socket.socket:
    """Ask for a start. What comes back says its process id, and once it has ended how; to close the
    writing half kills it."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(address)
    asked = json.dumps([words, dict(env), cwd]).encode()
    socket.send_fds(link, [b"%8d" % len(asked)], streams)
    link.sendall(asked)
    return link


def stand_in(address: str, words: list[str]) -> None:
    """Have `baton` forked with our streams, and be it for whoever waits for us."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    link = _asked(address, words, os.environ, os.getcwd(), [0, 1, 2])
    said = link.makefile("r")
    pid = int(said.readline())
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = int(said.readline())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def serve(address: str) -> Callable[[], None] | None:
    """Fork for all who ask, until the tests end. Returns in each process that was forked: what it
    is to do."""
    import importlib

    import baton.__main__
    import bot.cli  # noqa: F401

    for name in LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is never looked at stays shared
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(100)
    signal.signal(signal.SIGCHLD, _reap)
    print("ready", flush=True)
    while listener.fileno() in select.select([listener.fileno(), 0], [], [])[0]:
        link, _ = listener.accept()
        if not os.fork():
            listener.close()
            if _guarded(link):
                return baton.__main__.main
        link.close()
    shutil.rmtree(Path(address).parent)
    return None


def _reap(*_: object) -> None:
    """Let guards go that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _guarded(link: socket.socket) -> bool:
    """Fork, and guard the child until it ends, `link` closes or the tests end. Returns in the child
    only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(link, 8, 3)
    asked = b""
    while len(asked) < int(length):
        asked += link.recv(ARGUMENTS)
    pid = os.fork()
    if not pid:
        link.close()
        words, env, cwd = json.loads(asked)
        _become(words, env, cwd, list(streams))
        return True
    for stream in streams:
        os.close(stream)
    link.sendall(b"%d\n" % pid)
    ended = os.pidfd_open(pid)
    if ended not in select.select([link.fileno(), 0, ended], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        link.sendall(b"%d\n" % code)
    os._exit(0)


def _become(words: list[str], env: dict[str, str], cwd: str, streams: list[int]) -> None:
    """Be a process that was just started: `baton WORDS`."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["baton", *words]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115


def _run(start: Callable[[], None]) -> None:
    """Run, and end as Python does; but the memory of what was imported need not be given back."""
    code: object = 0
    try:
        start()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    _, role, address, *words = sys.argv
    if role == "start":
        stand_in(address, words)
    sys.path.pop(0)  # this folder
    start = serve(address)
    if start is not None:
        _run(start)
