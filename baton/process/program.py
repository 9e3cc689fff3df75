"""A program of the configuration is run here: the one place that starts processes.

This is step 3 of the path (run). A program is an argv list from this server's own configuration,
never text for a shell. It runs in a session and process group of its own, so that it can be ended
with everything that it started. It gets no input, and an environment without the agent's secrets.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from baton.bus.messages import new_id
from baton.errors import Failed
from baton.outcome import duration
from baton.process.leftovers import DIRECT, KILLED_WITHIN, MARK, Trail, end
from baton.process.output_lines import OutputLines, Secrets
from baton.timing.waiting import outlast, wait_at_most

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a program gets of the agent's environment; the rest it gets from its configuration."""
SO_FAR = 1.0
"""Seconds after which what a line holds so far is passed on, though it has no end yet: a bar, or a
question that nobody will answer."""
LINGER = 0.5
"""Seconds for which output is still read when the program has ended but something that it left
in the background holds its output open."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program says what to run, and how.

    `timeout` and `grace` are in seconds: how long it may take (None: as long as it wants), and how
    long after SIGTERM what is left of it is killed. `limit` names the setting of the timeout. With
    `whole_lines` its output is for a program to read: no line is passed on before its end, and none
    has colours. `complains` takes what it writes to stderr, which is a part of its output
    otherwise. `passed` are file descriptors that it gets under the same numbers.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = 900.0
    limit: str = ""
    grace: float = 10.0
    secrets: Secrets = field(default_factory=Secrets)
    whole_lines: bool = False
    complains: Callable[[str], None] | None = None
    passed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """This is how a program ended: its exit code (minus the signal that killed it) and its last
    line."""

    code: int
    last: str

    @property
    def well(self) -> bool:
        """Return whether it reports success."""
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
    """Return the environment of a program: the minimum of the agent's own, and what is
    configured."""
    least = {name: inherited[name] for name in INHERITED if name in inherited}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **least, **configured}


async def execute(
    program: Program,
    tell: Callable[[str], None],
    trail: Trail | None = None,
    started: Callable[[int], None] = lambda pid: None,
) -> Ended:
    """Run `program` to its end.

    `tell` receives its output as it comes, one or several lines at a time, and `started` the id of
    its process, which is also that of its group. `trail` finds what it starts.

    What it leaves in the background goes on if it succeeded (that is how a service is started) and
    is ended if not, wherever it went. Raises Failed if it cannot be started or exceeds its timeout.
    When cancelled, everything that it started gets SIGTERM, after `grace` SIGKILL, and
    CancelledError passes; a second cancellation kills at once.
    """
    trail = trail or Trail(new_id())
    # whole, whoever is cancelled meanwhile: what has begun may have started others already
    (process, output), cancelled = await outlast(_start(program, tell, trail))

    async def end_all() -> None:
        try:
            await end((trail,), program.grace)
        finally:
            # Also if nobody waits for the grace: else it stays a zombie, known as one of ours. What
            # has become another user's (sudo) cannot be killed, and must not hold us up.
            _, again = await outlast(wait_at_most(KILLED_WITHIN, process.wait()))
            if again:
                raise asyncio.CancelledError
        await output.ended_within(LINGER)

    try:
        if cancelled:
            raise asyncio.CancelledError
        started(process.pid)
        async with asyncio.timeout(program.timeout):
            code = await process.wait()
        if code:
            await end_all()
        await output.ended_within(LINGER)
    except TimeoutError:
        await end_all()
        text = f"it exceeded its time limit of {duration(program.timeout or 0)}"
        text += f" ({program.limit})" if program.limit else ""
        text += " and was stopped"
        raise Failed(f"{text}: {output.lines.last}" if output.lines.last else text) from None
    except BaseException:
        await end_all()
        raise
    finally:
        output.close()
        if process.returncode is not None:
            DIRECT.discard(process.pid)
    return Ended(code, output.lines.last)


class _Output(asyncio.Protocol):
    """This reads the pipe that a program writes to, until its end or until nobody needs it any
    more."""

    def __init__(
        self, program: Program, tell: Callable[[str], None], beside: _Output | None = None
    ) -> None:
        self.lines = OutputLines(program.secrets, colours=not program.whole_lines)
        self.beside = beside
        self._tell = tell
        self._patient = program.whole_lines
        self._timer: asyncio.TimerHandle | None = None
        self._end = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pass_on(self.lines.feed(data))
        if self.lines.unfinished and self._timer is None and not self._patient:
            self._timer = asyncio.get_running_loop().call_later(SO_FAR, self._so_far)

    def _so_far(self) -> None:
        self._timer = None
        self._pass_on(self.lines.so_far())

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.set()

    async def ended_within(self, seconds: float) -> None:
        """Wait until everything is read, or `seconds` have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()
                if self.beside is not None:
                    await self.beside._end.wait()

    def close(self) -> None:
        """Read no more, and pass on what is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self.beside is not None:
            self.beside.close()
        if self._transport is not None:
            self._transport.close()
        self._pass_on(self.lines.finish())

    def _pass_on(self, lines: list[str]) -> None:
        if lines:
            self._tell("\n".join(lines))


async def _start(
    program: Program, tell: Callable[[str], None], trail: Trail
) -> tuple[Process, _Output]:
    # A pipe of our own: asyncio's Process.wait() would wait until everybody has closed its pipe.
    apart = program.complains
    errors = None if apart is None else _Output(program, apart)
    output = _Output(program, tell, errors)
    ends: list[int] = []
    try:
        ends.append(await _piped(output))
        if errors is not None:
            ends.append(await _piped(errors))
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            stdin=DEVNULL,
            stdout=ends[0],
            stderr=ends[-1],
            cwd=program.cwd,
            env={**environment(program.env), MARK: trail.mark},
            start_new_session=True,
            pass_fds=program.passed,
        )
        DIRECT.add(process.pid)
        trail.started(process.pid)
    except OSError as error:
        output.close()
        raise Failed(_cannot_start(program, error)) from error
    except BaseException:
        output.close()
        raise
    finally:
        for end in ends:
            os.close(end)
    return process, output


async def _piped(output: _Output) -> int:
    """The end of a new pipe to write to; what is written there `output` gets."""
    reading, writing = os.pipe()
    try:
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: output, os.fdopen(reading, "rb"))
    except BaseException:
        os.close(writing)
        raise
    return writing


def _cannot_start(program: Program, error: OSError) -> str:
    name = program.argv[0]
    if not program.cwd.is_dir():
        return f"{name} cannot be started: the folder {program.cwd} is not there"
    if not isinstance(error, FileNotFoundError):
        return f"{name} cannot be started: {error.strerror or error}"
    path = environment(program.env)["PATH"]
    found = program.cwd / name if "/" in name else shutil.which(name, path=path)
    if not found or not os.path.exists(found):
        return f"the program {name} was not found on this server (PATH is {path})"
    return f"{name} exists, but cannot be started: {_interpreter_missing(Path(found))}"


def _interpreter_missing(file: Path) -> str:
    """Return why the kernel did not find what a program needs that exists (execve(2), ENOENT)."""
    with suppress(OSError), file.open("rb") as opened:
        first = opened.readline(256)
        if first.startswith(b"#!"):
            line = repr(first.rstrip(b"\n").decode("utf-8", "replace"))
            text = f"its first line, {line}, names an interpreter that is not on this server"
            if first.rstrip(b"\n").endswith(b"\r"):
                text += " (its lines end as on Windows: save it with LF line ends)"
            return text
    return "it needs a loader or a library that is not on this server"
