"""Reads a worker's settings file again while it runs: on SIGHUP.

A file that will not do is refused, and all stays as it was.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

import structlog

from baton.errors import BatonError, SettingsError
from baton.worker.config.loading import load
from baton.worker.processors.registry import Processors
from baton.worker.service import WorkerService
from baton.worker.settings import WorkerSettings

log = structlog.get_logger(__name__)

FIXED = ("bus", "worker", "pybit", "signing", "allow")
"""The tables that a worker reads once."""


class Reloader:
    """Reads `file` for `service` again."""

    def __init__(
        self,
        file: Path,
        environ: Mapping[str, str],
        processors: Processors,
        service: WorkerService,
    ) -> None:
        self._file = file
        self._environ = environ
        self._processors = processors
        self._service = service
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def reload_on_signal(self) -> None:
        """Read the file on SIGHUP, which then does not end the worker."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.request)

    def request(self) -> None:
        """Read the file soon; once more if it is being read."""
        self._wanted = True
        if self._task is None:
            self._task = asyncio.create_task(self._read(), name="reload")

    async def _read(self) -> None:
        try:
            await self._service.ready.wait()
            while self._wanted:
                self._wanted = False
                await self.reload()
        finally:
            self._task = None

    async def reload(self) -> str:
        """Go on with what the file says now; return what is wrong with it, if nothing changes."""
        try:
            # a callable is imported to see that it can be: that takes a while
            loaded = await asyncio.to_thread(load, self._file, self._environ, self._processors)
            check_fixed(self._service.settings, loaded.file.settings, self._file)
            await self._service.reload(loaded.file.settings, loaded.runners)
        except BatonError as error:
            log.error("settings not reloaded: all stays as it was", reason=str(error))
            return str(error)
        except Exception as error:
            log.exception("settings not reloaded: an internal error")
            return f"an internal error of the worker ({type(error).__name__}): see its log"
        settings = loaded.file.settings
        log.info("settings reloaded", queues=sorted(settings.queues), file=str(self._file))
        return ""


def check_fixed(before: WorkerSettings, after: WorkerSettings, file: Path) -> None:
    """Raise SettingsError if a table has changed that a worker reads once."""
    for table in FIXED:
        if getattr(before, table) != getattr(after, table):
            raise SettingsError(
                file=str(file),
                key=f"[{table}]",
                problem="it has changed since the worker started",
                must="as it was until the worker is restarted",
            )
