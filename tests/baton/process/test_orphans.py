"""An agent takes in what its programs leave behind. In a process of its own: it is for good."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import psutil

from tests.support.wait import until

ROOT = Path(__file__).parents[3]

PLAY = """
import asyncio, json, subprocess, sys
from pathlib import Path
from baton.process.orphans import OrphanReaper
from baton.process.program import Program, execute

async def main():
    OrphanReaper().start()
    other = subprocess.Popen(["sh", "-c", "exit 3"], start_new_session=True)
    bystander = subprocess.Popen(["sleep", "300"], start_new_session=True)
    for text in sys.argv[1:]:
        ended = await execute(Program(("sh", "-c", text), Path("."), grace=0.3), print)
        print("ended", ended.code, flush=True)
    assert bystander.poll() is None
    bystander.kill()
    print("stays", flush=True)
    sys.stdin.readline()
    assert other.wait() == 3, other.returncode

asyncio.run(main())
"""

LOST = (
    "(setsid env -i /bin/sh -c 'echo $$ >{0}; exec /bin/sleep 300' &);"
    " until test -s {0}; do sleep 0.01; done; exit 1"
)
DAEMON = "(setsid sh -c 'echo $$ >{0}; exec sleep 300' &); until test -s {0}; do sleep 0.01; done"
PARENT = "test $(cut -d ' ' -f 4 /proc/$(cat {0})/stat) = $PPID"
STOP = "kill $(cat {0}); while kill -0 $(cat {0}) 2>/dev/null; do sleep 0.01; done"


async def _play(*texts: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PLAY, *texts), stdin=PIPE, stdout=PIPE, cwd=ROOT
    )


async def _over(process: asyncio.subprocess.Process, code: bytes) -> None:
    """Wait until its programs are over, and see how they ended."""
    assert process.stdout is not None
    while (line := await process.stdout.readline()) and line != b"stays\n":
        assert not line.startswith(b"ended") or line.split()[1] == code
    assert line


def _status(pid: int) -> str:
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return "gone"


async def test_what_hides_all_that_is_known_of_it_is_ended(tmp_path: Path) -> None:
    """An orphan in a session of its own, without the mark: after a failure it is ended; what others
    have started, and wait for, is left alone."""
    pid = tmp_path / "pid"
    process = await _play(LOST.format(pid))
    await _over(process, code=b"1")
    await until(lambda: _status(int(pid.read_text())) == "gone")
    assert (await process.communicate(b"\n"))[0] == b""
    assert process.returncode == 0


async def test_after_success_it_goes_on_and_leaves_no_zombie(tmp_path: Path) -> None:
    """A daemon is a child of the agent then, and goes without a trace when it ends: a script that
    waits for its end, as those that restart an app do, waits no longer than that."""
    daemon = tmp_path / "daemon"
    process = await _play(*(text.format(daemon) for text in (DAEMON, PARENT, STOP)))
    await _over(process, code=b"0")
    assert _status(int(daemon.read_text())) == "gone"
    assert (await process.communicate(b"\n"))[0] == b""
    assert process.returncode == 0
