"""Calls a callable of Python in an interpreter of its own, which can be ended at any time.

What it is to do goes there, and what became of it comes back, as JSON over a socket of the two;
what it prints is output. See child.py, which is the other side.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue
from typing_extensions import override

from baton.errors import Blocked, Failed, Refused, SettingsError
from baton.process.program import LINGER, Ended
from baton.worker.processors import child
from baton.worker.processors.launching import Launcher
from baton.worker.processors.protocol import Output, Processor
from baton.worker.processors.requests import build_of
from baton.worker.work import Result, Work

CHECK_WITHIN = 60.0
"""Seconds that the import of a callable may take when the configuration is checked."""
_ENDS = {"failed": Failed, "blocked": Blocked, "refused": Refused}
_VARIABLES = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
"""Output comes as it is printed, whatever the version and the language of the system."""
_SEARCHED = "PYTHONPATH"


@dataclass(frozen=True, slots=True)
class Kind:
    """What kind of callable it is: awaited or not, and how its settings are given (child.py)."""

    is_async: bool
    how: str


class InterpreterProcessor(Processor):
    """Calls `target` (`package.module:callable`) in the interpreter `python`, one for each job."""

    def __init__(
        self, target: str, python: str, launcher: Launcher, settings: Mapping[str, JsonValue]
    ) -> None:
        self._target = target
        self._python = python
        self._launcher = launcher
        self._settings = settings

    @override
    async def run(self, work: Work, output: Output) -> Result:
        order = {
            "target": self._target,
            "build": build_of(work).plain(),
            "settings": self._settings,
        }
        ours, theirs = socket.socketpair()
        with theirs:
            answer = _Answer()
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_unix_connection(lambda: answer, sock=ours)

            def ask() -> None:
                theirs.close()
                transport.write(_line(order))

            try:
                ended = await self._launcher.run(
                    _argv(self._python, theirs),
                    output.log,
                    passed=(theirs.fileno(),),
                    variables=_variables(self._python),
                    started=ask,
                )
                await answer.within(LINGER)
            finally:
                transport.abort()
        if answer.whole and not ended.well:
            output.log(f"The interpreter answered, and then ended: {_how(ended)}")
        return self._result(answer, ended)

    def _result(self, answer: _Answer, ended: Ended) -> Result:
        if answer.too_large:
            raise Failed(
                f"{self._target}: its answer has more than {child.MAX_ANSWER:,} bytes, and is not"
                " read"
            )
        if not answer.whole:
            why = self._launcher.limits.explain(ended)
            raise Failed(
                f"the interpreter ended before {self._target} returned: {_how(ended)}{why}"
            )
        said = answer.read()
        if not isinstance(said, dict) or len(said) != 1:
            raise Failed(f"{self._target}: its answer cannot be read")
        ((what, value),) = said.items()
        if what == "artifacts" and isinstance(value, list):
            return Result(tuple(str(path) for path in value))
        if what in _ENDS:
            raise _ENDS[what](str(value))
        if what == "unusable":
            raise Failed(f"{self._target} cannot be used: {value}")
        raise Failed(str(value))


class _Answer(asyncio.Protocol):
    """Takes the line that comes back."""

    def __init__(self) -> None:
        self._read = bytearray()
        self._over = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None
        self.too_large = False

    @property
    def whole(self) -> bool:
        """Return whether all of it is there."""
        return self._read.endswith(b"\n")

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._read += data
        if len(self._read) > child.MAX_ANSWER:
            self.too_large = True
            self._read.clear()
            if isinstance(self._transport, asyncio.Transport):
                self._transport.abort()
        elif self.whole:
            self._over.set()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._over.set()

    async def within(self, seconds: float) -> None:
        """Wait until all of it is there, or nothing more comes, at most `seconds`: a copy of the
        process may hold the other end for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def read(self) -> Any:
        """Return what it says; None if it is not JSON."""
        try:
            return json.loads(self._read)
        except (ValueError, RecursionError):
            return None


def check(target: str, python: str, launcher: Launcher) -> Kind:
    """Return what kind of callable `target` is, as the interpreter `python` finds it.

    It is imported there and not called. This blocks, for CHECK_WITHIN seconds at most. Raises
    SettingsError if it cannot be imported, or is nothing that can be called as it will be.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(_line({"target": target}))
        try:
            done = subprocess.run(
                _argv(python, theirs),
                pass_fds=(theirs.fileno(),),
                cwd=launcher.folder,
                env={**launcher.environment, **_variables(python)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=CHECK_WITHIN,
                check=False,
            )
        except subprocess.TimeoutExpired:
            problem = f"the import of {target} takes longer than {CHECK_WITHIN:.0f} s"
            raise _unusable(problem, "a module that is imported without waiting") from None
        except OSError as error:
            problem = f"{python} cannot be started in {launcher.folder}: {error.strerror}"
            must = "an interpreter of Python, and a folder that is there"
            raise _unusable(problem, must, "python") from None
        theirs.close()
        said = _said(ours)
    if said is None:
        problem = (
            f"{python} imported {target} and ended at once: {_how(Ended(done.returncode, ''))}"
        )
        raise _unusable(problem, "a module whose import returns")
    if "unusable" in said:
        problem = f"{python} cannot use {target} ({said['unusable']})"
        must = "a callable that this interpreter can import: python!package.module:callable"
        raise _unusable(problem, must)
    return Kind(said["kind"] == "async", said["how"])


def _said(ours: socket.socket) -> dict[str, Any] | None:
    ours.settimeout(LINGER)
    read = b""
    with suppress(OSError):
        while not read.endswith(b"\n") and len(read) < child.MAX_ANSWER:
            piece = ours.recv(65_536)
            if not piece:
                break
            read += piece
    try:
        found = json.loads(read)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _unusable(problem: str, must: str, key: str = "runner") -> SettingsError:
    return SettingsError(file="worker.toml", key=key, problem=problem, must=must)


def _variables(python: str) -> dict[str, str]:
    """Return what the interpreter `python` gets besides. Our own finds what the worker finds."""
    ours = python == sys.executable and _SEARCHED in os.environ
    return {**_VARIABLES, **({_SEARCHED: os.environ[_SEARCHED]} if ours else {})}


def _argv(python: str, theirs: socket.socket) -> tuple[str, ...]:
    return (python, child.__file__, str(theirs.fileno()))


def _line(order: Mapping[str, object]) -> bytes:
    return json.dumps(order).encode("ascii") + b"\n"


def _how(ended: Ended) -> str:
    if ended.code == -signal.SIGSEGV:
        return f"{ended} (it crashed)"
    return str(ended)
