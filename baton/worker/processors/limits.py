"""Limits of what a runner starts: memory, processor time, open files.

They are set from outside once the process is there, never between fork and exec: with threads in
the worker, code that runs there can stand still for ever.
"""

from __future__ import annotations

import math
import os
import resource
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from baton.errors import SettingsError
from baton.outcome import duration
from baton.process.program import Ended
from baton.worker.settings import RunnerSettings

SYSTEMD = Path("/run/systemd/system")
"""It is there where systemd runs the machine: sd_booted(3)."""
_AFTERWARDS = 5
"""Seconds of processor time between the signal that can be handled and the one that cannot."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one runner: bytes, seconds of processor time, a number of files.

    `scope` are the words that have systemd hold it, and all that it starts, to `memory`.
    """

    memory: int | None = None
    cpu: float | None = None
    files: int | None = None
    scope: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: RunnerSettings) -> Limits:
        """Return those of `settings`. Raises SettingsError if systemd is to hold them, and is not
        there."""
        scope: tuple[str, ...] = ()
        if settings.scope:
            scope = _scope(settings)
        return cls(settings.memory, settings.cpu, settings.files, scope)

    def apply(self, pid: int) -> None:
        """Set them for the process `pid`, and for what it will start."""
        with suppress(ProcessLookupError):  # it has ended already
            if self.memory is not None and not self.scope:
                _set(pid, resource.RLIMIT_AS, self.memory, self.memory)
            if self.cpu is not None:
                seconds = math.ceil(self.cpu)
                _set(pid, resource.RLIMIT_CPU, seconds, seconds + _AFTERWARDS)
            if self.files is not None:
                _set(pid, resource.RLIMIT_NOFILE, self.files, self.files)

    def explain(self, ended: Ended) -> str:
        """Return which limit may have ended it; empty if none did."""
        if self.cpu is not None and ended.code == -signal.SIGXCPU:
            return f" (it used more than {duration(self.cpu)} of processor time, its limit `cpu`)"
        if self.scope and ended.code == -signal.SIGKILL:
            return " (perhaps it exceeded its limit `memory`)"
        return ""


def _set(pid: int, what: int, soft: int, hard: int) -> None:
    _, most = resource.prlimit(pid, what)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)  # only root may raise it
    resource.prlimit(pid, what, (soft, hard))


def _scope(settings: RunnerSettings) -> tuple[str, ...]:
    program = shutil.which("systemd-run")
    if settings.memory is None:
        problem, must = "without `memory`, there is nothing to hold", "used together with `memory`"
    elif program is None or not SYSTEMD.exists():
        problem = "systemd does not run this machine, or systemd-run is not installed"
        must = "left out here; `memory` alone limits each process by itself"
    else:
        whose = () if os.geteuid() == 0 else ("--user",)
        held = ("-p", f"MemoryMax={settings.memory}", "-p", "MemorySwapMax=0")
        return (program, *whose, "--scope", "--quiet", "--collect", *held, "--")
    raise SettingsError(file="worker.toml", key="scope", problem=problem, must=must)
