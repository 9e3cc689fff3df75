from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from itertools import product
from pathlib import Path

import psutil
import pytest

from baton.errors import Failed
from baton.process.leftovers import DIRECT, birth, children
from baton.process.output_lines import Secrets
from baton.process.program import Ended, Program, environment, execute
from tests.support.wait import until

# A program that ignores SIGTERM, and starts another that does, and says when both are ready.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    print("child", os.getpid(), flush=True)
else:
    print("leader", os.getpid(), flush=True)
time.sleep(300)
"""


def _program(tmp_path: Path, *argv: str, timeout: float = 30.0, grace: float = 5.0) -> Program:
    return Program(argv, tmp_path, timeout=timeout, grace=grace)


def _python(tmp_path: Path, code: str, timeout: float = 30.0, grace: float = 5.0) -> Program:
    return _program(tmp_path, sys.executable, "-c", code, timeout=timeout, grace=grace)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _pids(said: list[str]) -> list[int]:
    return [int(word) for word in " ".join(said).split() if word.isdigit()]


async def test_output_comes_as_it_is_written_and_the_code_at_the_end(tmp_path: Path) -> None:
    """Each line is passed on while the program still runs; stderr and stdout are one."""
    said: list[str] = []
    (tmp_path / "go").touch()
    code = (
        "import os, sys, time\n"
        "print('out', flush=True); print('err', file=sys.stderr, flush=True)\n"
        "while os.path.exists('go'): time.sleep(0.01)\n"
        "print('end'); sys.exit(3)"
    )
    task = asyncio.create_task(execute(_python(tmp_path, code), said.append))
    await until(lambda: "\n".join(said) == "out\nerr")
    (tmp_path / "go").unlink()
    assert await task == Ended(3, "end")
    assert "\n".join(said) == "out\nerr\nend"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('Password: ', end='', flush=True)", "Password: "),
        ("for n in range(5): print(f'{n}0%', end='\\r', flush=True)", "40%"),
    ],
)
async def test_a_line_without_end_is_passed_on_soon(tmp_path: Path, code: str, says: str) -> None:
    """A question that nobody answers and a bar are seen while the program waits."""
    said: list[str] = []
    program = _python(tmp_path, f"import time\n{code}\ntime.sleep(300)", grace=0)
    task = asyncio.create_task(execute(program, said.append))
    await until(lambda: said == [says])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == [says]


async def test_nothing_typed_reaches_a_shell(tmp_path: Path) -> None:
    """Words arrive as they are, one argument each."""
    said: list[str] = []
    words = ("$(id)", "a b", ";", "*", "'", "é", "")
    code = "import sys; print(sys.argv[1:])"
    await execute(_program(tmp_path, sys.executable, "-c", code, *words), said.append)
    assert said == [repr(list(words))]


async def test_a_program_gets_little_of_the_agents_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PATH, HOME and the like, and what is configured; never the agent's own secrets. No input."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    said: list[str] = []
    code = "import os, sys; print(sorted(os.environ), os.environ['PORT'], repr(sys.stdin.read()))"
    program = Program((sys.executable, "-c", code), tmp_path, env={"PORT": "8080"})
    assert (await execute(program, said.append)).well
    assert "SLACK" not in said[0]
    assert "8080 ''" in said[0]
    assert set(environment({}, {"X": "1"})) == {"PATH", "LANG"}


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("no-such-program",), "no-such-program was not found on this server"),
        (("/etc/passwd",), "/etc/passwd cannot be started: Permission denied"),
        (("./text",), "./text cannot be started: Exec format error"),
    ],
)
async def test_a_program_that_cannot_be_started_is_named(
    tmp_path: Path, argv: tuple[str, ...], says: str
) -> None:
    """Missing, forbidden and unfit programs fail with their name and why."""
    (tmp_path / "text").write_text("\x7fELF no program\n")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(Failed, match=says):
        await execute(_program(tmp_path, *argv), print)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"#!/bin/sh\r\necho hi\r\n", r"its first line, '#!/bin/sh\\r', .*LF line ends"),
        (
            b"#!/usr/bin/no-such-ruby\n",
            "'#!/usr/bin/no-such-ruby', names an interpreter that is not",
        ),
        (b"#!/usr/bin/\xff\n", "names an interpreter that is not"),
    ],
)
@pytest.mark.parametrize("name", ["./script", "script"])
async def test_a_missing_interpreter_is_not_a_missing_program(
    tmp_path: Path, content: bytes, says: str, name: str
) -> None:
    """The kernel says the same of both; the file that is there is not said to be missing."""
    (tmp_path / "script").write_bytes(content)
    (tmp_path / "script").chmod(0o755)
    program = Program((name,), tmp_path, env={"PATH": str(tmp_path)})
    with pytest.raises(Failed, match=says) as caught:
        await execute(program, print)
    assert "not found" not in str(caught.value)


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """It is not said that the program is missing when its folder is."""
    with pytest.raises(Failed, match=r"the folder .*gone is not there"):
        await execute(_program(tmp_path / "gone", "true"), print)


async def test_cancelling_ends_the_whole_group(tmp_path: Path) -> None:
    """SIGTERM reaches the program and its children; its last words are still heard."""
    said: list[str] = []
    code = (
        "import os, signal, sys, time\n"
        "def bye(*_): os.write(1, b'cleaning up\\n'); sys.exit(0)\n"
        "child = os.fork()\n"
        "if child: signal.signal(signal.SIGTERM, bye)\n"
        "if child: print('pids', os.getpid(), child, flush=True)\n"
        "time.sleep(300)"
    )
    task = asyncio.create_task(execute(_python(tmp_path, code), said.append))
    await until(lambda: _pids(said))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "cleaning up" in "\n".join(said)
    assert not any(_alive(pid) for pid in _pids(said))


async def test_what_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    """A program and a child that ignore SIGTERM get SIGKILL, and no sooner than promised."""
    said: list[str] = []
    task = asyncio.create_task(execute(_python(tmp_path, STUBBORN, grace=0.3), said.append))
    await until(lambda: len(_pids(said)) == 2)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0.25 < time.monotonic() - began < 30
    await until(lambda: not any(_alive(pid) for pid in _pids(said)))


async def test_a_child_that_ignores_sigterm_is_killed_though_the_leader_went(
    tmp_path: Path,
) -> None:
    """The grace is for the group: a leader that obeys does not shield a child that does not."""
    said: list[str] = []
    code = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    print('child', os.getpid(), flush=True)\n"
        "time.sleep(300)"
    )
    task = asyncio.create_task(execute(_python(tmp_path, code, grace=0.2), said.append))
    await until(lambda: _pids(said))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not _alive(_pids(said)[0]))


async def test_a_second_cancellation_kills_at_once(tmp_path: Path) -> None:
    """Whoever does not want to wait for the grace cancels again."""
    said: list[str] = []
    task = asyncio.create_task(execute(_python(tmp_path, STUBBORN, grace=300), said.append))
    await until(lambda: len(_pids(said)) == 2)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(_alive(pid) for pid in _pids(said)))


async def test_whenever_it_is_cancelled_its_end_is_waited_for(tmp_path: Path) -> None:
    """At each step of its start, and of its end, once or by somebody impatient: what is left is no
    child of ours, no zombie, and nothing that asyncio still waits for."""
    program = _program(tmp_path, "sleep", "300")
    before = set(children())
    for steps, times in product([*range(12), 30, 100], (1, 3)):
        task = asyncio.create_task(execute(program, print))
        for _ in range(steps):
            await asyncio.sleep(0)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(children()) == before, (steps, times)
        assert not DIRECT


async def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """Past its timeout a program is ended with all its children, and its last words are told."""
    said: list[str] = []
    with pytest.raises(Failed, match=r"limit of 3.0 s and was stopped: (leader|child)"):
        await execute(_python(tmp_path, STUBBORN, timeout=3, grace=0.1), said.append)
    await until(lambda: not any(_alive(pid) for pid in _pids(said)))


async def test_a_background_child_that_holds_the_output_blocks_nobody(tmp_path: Path) -> None:
    """A step that starts a service ends when it exits, though the service keeps its stdout open."""
    said: list[str] = []
    began = time.monotonic()
    ended = await execute(
        _program(tmp_path, "sh", "-c", "sleep 300 & echo $!; exit 0"), said.append
    )
    try:
        assert ended.well
        assert time.monotonic() - began < 30
        assert _alive(_pids(said)[0])
    finally:
        os.kill(_pids(said)[0], signal.SIGKILL)


async def test_what_a_failed_program_left_running_is_ended(tmp_path: Path) -> None:
    """A program that fails leaves nothing behind."""
    said: list[str] = []
    ended = await execute(
        _program(tmp_path, "sh", "-c", "sleep 300 & echo $!; exit 4"), said.append
    )
    assert ended.code == 4
    assert not _alive(_pids(said)[0])


async def test_a_flood_of_output_does_not_stop_the_loop(tmp_path: Path) -> None:
    """While a program writes all it can, others get their turn, and it can be ended."""
    size = 0

    def tell(text: str) -> None:
        nonlocal size
        size += len(text)

    task = asyncio.create_task(execute(_program(tmp_path, "yes"), tell))
    await until(lambda: size > 200_000)
    for _ in range(3):  # at each of them 256 KB are read
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_secrets_are_masked_in_output_and_in_last_words(tmp_path: Path) -> None:
    """Neither the output nor the reason of a failure shows a secret."""
    said: list[str] = []
    program = Program(
        ("sh", "-c", "echo token $T; exit 1"),
        tmp_path,
        env={"T": "s3cret-value"},
        secrets=Secrets(["s3cret-value"]),
    )
    ended = await execute(program, said.append)
    assert "s3cret" not in f"{said} {ended}"
    assert str(ended) == "exit code 1: token •••"


async def test_no_descriptor_and_no_zombie_is_left(tmp_path: Path) -> None:
    """A hundred programs later the agent is as it was."""
    me = psutil.Process()
    await execute(_program(tmp_path, "true"), print)
    before = me.num_fds()
    for _ in range(20):
        await asyncio.gather(*(execute(_program(tmp_path, "true"), print) for _ in range(5)))
    await until(lambda: me.num_fds() <= before)
    assert not [child for child in me.children() if child.status() == psutil.STATUS_ZOMBIE]


def test_how_it_ended_is_told() -> None:
    """An exit code or a signal's name, and the last words if there are any."""
    assert str(Ended(2, "no rule")) == "exit code 2: no rule"
    assert str(Ended(-9, "")) == "killed by SIGKILL"


def test_a_process_is_told_from_a_later_one_of_the_same_id() -> None:
    """The kernel's start time is the same each time it is asked, and nothing for nobody."""
    assert birth(os.getpid()) == birth(os.getpid()) != ""
    assert birth(2**22 + 1) == ""
