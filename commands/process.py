"""Running a configured program: the one place that starts processes.

Step 3 of the path (doing). A program is an argv list from this server's own configuration, never
text for a shell. It runs in a session and process group of its own, so that it can be ended with
all that it started, with no input and an environment that holds nothing of the agent's secrets.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from baton.errors import Failed
from baton.outcome import duration
from commands.lines import Lines, Secrets

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a program gets of the agent's environment; the rest it gets from its configuration."""
LINGER = 0.5
"""Seconds for which output is still read when the program has ended but something that it left
in the background holds its output open."""
MARK = "BATON_MARK"
"""The variable that tells a program which was started, though nobody was left to note its id."""
KILLED_WITHIN = 5.0
"""Seconds to wait for what was killed to be gone."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how. `timeout` and `grace` are in seconds: how long it may take, and how
    long after SIGTERM what is left of it is killed."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 900.0
    grace: float = 10.0
    secrets: Secrets = field(default_factory=Secrets)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (minus the signal that killed it) and its last words."""

    code: int
    last: str

    @property
    def well(self) -> bool:
        """Whether it says that it succeeded."""
        return self.code == 0

    def __str__(self) -> str:
        how = f"exit code {self.code}"
        if self.code < 0:
            with suppress(ValueError):
                how = f"killed by {signal.Signals(-self.code).name}"
        return f"{how}: {self.last}" if self.last else how


def environment(
    configured: Mapping[str, str], inherited: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of a program: the least of the agent's own, and what is configured."""
    least = {name: inherited[name] for name in INHERITED if name in inherited}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **least, **configured}


async def execute(
    program: Program,
    tell: Callable[[str], None],
    started: Callable[[int], None] = lambda pid: None,
) -> Ended:
    """Run `program` to its end; `tell` gets its output as it comes, one or several lines at a time,
    and `started` the id of its process, which is also that of its group.

    What it leaves in the background goes on if it succeeded (that is how a service is started) and
    is ended if not. Raises Failed if it cannot be started or takes longer than its timeout. When
    cancelled, the whole process group gets SIGTERM, after `grace` SIGKILL, and CancelledError
    passes; a second cancellation kills at once.
    """
    process, output = await _start(program, tell)

    async def end() -> None:
        await end_group(process.pid, program.grace, process.wait)
        await output.ended_within(LINGER)

    try:
        started(process.pid)
        async with asyncio.timeout(program.timeout):
            code = await process.wait()
        if code:
            await end()
        await output.ended_within(LINGER)
    except TimeoutError:
        await end()
        text = f"it ran longer than {duration(program.timeout)} and was ended"
        raise Failed(f"{text}: {output.lines.last}" if output.lines.last else text) from None
    except BaseException:
        await end()
        raise
    finally:
        output.close()
    return Ended(code, output.lines.last)


def birth(pid: int) -> str:
    """When the process `pid` was started, as the kernel counts it; empty if it is not there.

    With it a process is told from a later one of the same id (proc_pid_stat(5), field 22).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def marked(mark: str) -> int:
    """The process group of a program that has MARK=`mark` in its environment; 0 if none is there
    (proc_pid_environ(5))."""
    word = f"{MARK}={mark}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if word in environ.read_bytes().split(b"\0"):
                return os.getpgid(int(environ.parent.name))
        except OSError:
            continue  # another user's, or gone
    return 0


async def _nothing() -> None:
    return


async def end_group(
    group: int, grace: float, leader_ended: Callable[[], Awaitable[object]] = _nothing
) -> None:
    """End a process group: SIGTERM, and SIGKILL for what is left of it after `grace` seconds."""
    try:
        if _signal(group, signal.SIGTERM):
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await leader_ended()
                    await _gone(group)
    finally:
        _signal(group, signal.SIGKILL)
    with suppress(TimeoutError):
        # What has become another user's (sudo) cannot be killed, and must not hold us up for ever.
        async with asyncio.timeout(KILLED_WITHIN):
            await leader_ended()


class _Output(asyncio.Protocol):
    """Reads the pipe that a program writes to, until its end or until nobody wants it any more."""

    def __init__(self, secrets: Secrets, tell: Callable[[str], None]) -> None:
        self.lines = Lines(secrets)
        self._tell = tell
        self._end = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pass_on(self.lines.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.set()

    async def ended_within(self, seconds: float) -> None:
        """Wait until all is read, or `seconds` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()

    def close(self) -> None:
        """Read no more, and pass on what is left."""
        if self._transport is not None:
            self._transport.close()
        self._pass_on(self.lines.finish())

    def _pass_on(self, lines: list[str]) -> None:
        if lines:
            self._tell("\n".join(lines))


async def _start(program: Program, tell: Callable[[str], None]) -> tuple[Process, _Output]:
    # A pipe of our own: asyncio's Process.wait() would wait until everybody has closed its pipe.
    reading, writing = os.pipe()
    output = _Output(program.secrets, tell)
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: output, os.fdopen(reading, "rb"))
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            stdin=DEVNULL,
            stdout=writing,
            stderr=writing,
            cwd=program.cwd,
            env=environment(program.env),
            start_new_session=True,
        )
    except OSError as error:
        output.close()
        raise Failed(_cannot_start(program, error)) from error
    except BaseException:
        output.close()
        raise
    finally:
        os.close(writing)
    return process, output


def _cannot_start(program: Program, error: OSError) -> str:
    name = program.argv[0]
    if not program.cwd.is_dir():
        return f"{name} cannot be started: the folder {program.cwd} is not there"
    if isinstance(error, FileNotFoundError):
        path = environment(program.env)["PATH"]
        return f"the program {name} was not found on this server (PATH is {path})"
    return f"{name} cannot be started: {error.strerror or error}"


async def _gone(group: int) -> None:
    # There is nothing to wait on for a whole group; only asking whether it is still there.
    pause = 0.005
    while _signal(group, 0):
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.1)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; whether there is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
