"""Server processes that cannot outlive the tests.

Each server is the child of a small guard, a process of its own that reads a pipe from the tests.
When the pipe closes, also because the tests were killed with -9, the guard kills the server with
everything it started and removes its folder. This file, run as a script, is that guard.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


class Guarded:
    """A running server. Its output goes to the file `log`."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        remove: Path | None = None,
    ) -> None:
        guard = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
        if user:
            guard += ["--user", user]
        if remove:
            guard += ["--remove", str(remove)]
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                [*guard, "--", *map(str, argv)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or 0)
        """The server's own process id."""
        if not self.pid:
            self.end()
            raise RuntimeError(
                f"{argv[0]} did not start: {log.read_text(errors='replace')[-2000:]}"
            )

    @property
    def running(self) -> bool:
        """Is the server there?"""
        return self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the server ended by itself or by `signal`, minus the signal that killed it; None
        while it runs."""
        code = self._guard.poll()
        return code if code is None or code < 128 else 128 - code

    def signal(self, number: int, timeout: float = 60) -> None:
        """Send the server signal `number` and wait until it has ended."""
        if self.running:
            os.kill(self.pid, number)
            self._guard.wait(timeout)
        self._close()

    def end(self) -> None:
        """Kill the server and what it started; remove its folder."""
        self._close()
        self._guard.wait(60)

    def _close(self) -> None:
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()


def main() -> None:
    """Be the guard of one server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user")
    parser.add_argument("--remove")
    parser.add_argument("argv", nargs="+")
    asked = parser.parse_args()
    credentials = (
        {"user": asked.user, "group": asked.user, "extra_groups": ()} if asked.user else {}
    )
    child = subprocess.Popen(
        asked.argv, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True, **credentials
    )
    print(child.pid, flush=True)

    def follow() -> None:
        code = child.wait()
        if not closed.is_set():
            end_group(child.pid)
            os._exit(code if code >= 0 else 128 - code)

    closed = threading.Event()
    threading.Thread(target=follow, daemon=True).start()
    sys.stdin.buffer.read()
    closed.set()
    end_group(child.pid)
    child.wait()
    if asked.remove:
        shutil.rmtree(asked.remove, ignore_errors=True)


def end_group(group: int) -> None:
    """Kill what is left of the process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
