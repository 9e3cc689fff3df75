"""`python!package.module:callable` calls a callable of Python.

It is called with the build request and the settings of its runner, and returns the absolute paths
of what it made. One that is awaited runs in the worker; any other one in an interpreter of its own,
since nothing else can be stopped, or in a thread if its runner says so.
"""

from __future__ import annotations

import re
import sys
from importlib import invalidate_caches
from typing import Any

from baton.errors import SettingsError
from baton.worker import rbit_shim
from baton.worker.processors import child
from baton.worker.processors.interpreter import InterpreterProcessor, check
from baton.worker.processors.launching import LIMITS, Launcher, refuse_unused, secrets_of
from baton.worker.processors.native import NativeProcessor
from baton.worker.processors.protocol import Processor
from baton.worker.settings import RunnerSettings

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
FORM = "python!package.module:callable, such as python!reports.monthly:build"


def factory(settings: RunnerSettings, arguments: str) -> Processor:
    """Return the processor of `python!ARGUMENTS`.

    This imports the callable, in an interpreter of its own, and blocks meanwhile. Raises
    SettingsError if it cannot be used.
    """
    target = arguments.strip()
    if not _TARGET.fullmatch(target):
        problem = f"{target!r} names no callable" if target else "no callable is named"
        raise SettingsError(file="worker.toml", key="runner", problem=problem, must=FORM)
    refuse_unused(settings, ("artifacts",), "a callable, which returns what it made")
    launcher = Launcher.of(settings)
    python = str(settings.python or sys.executable)
    kind = check(target, python, launcher)
    if settings.thread and (settings.python or kind.is_async):
        other = "`python`" if settings.python else "an async callable"
        raise SettingsError(
            file="worker.toml",
            key="thread",
            problem=f"it cannot be used with {other}",
            must="left out: it is for callables that are not async, in the worker's interpreter",
        )
    if settings.python or not (kind.is_async or settings.thread):
        return InterpreterProcessor(target, python, launcher, settings.handed)
    refuse_unused(settings, (*LIMITS, "pass_env"), "a callable that runs in the worker itself")
    function = _imported(target)
    return NativeProcessor(
        function, kind.how, settings.handed, secrets_of(settings), thread=settings.thread
    )


def _imported(target: str) -> Any:
    rbit_shim.install()
    invalidate_caches()
    try:
        return child.load(target)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise SettingsError(
            file="worker.toml",
            key="runner",
            problem=f"{target} cannot be imported in the worker ({child.said_by(error)})",
            must=f"a callable that can be imported: {FORM}",
        ) from None
