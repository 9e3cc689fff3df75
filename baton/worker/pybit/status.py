"""The status of PyBit's jobs is reported to the address in the worker's own settings.

The address that a message of PyBit carries is never used. A report that does not get through hurts
no job: it is logged, and PyBit shows the status before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog

from baton.timing.waiting import wait_at_most
from baton.worker.pybit.build_request import BuildRequest, job_id_of
from baton.worker.settings import PybitTable

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger(__name__)

MOST = 200
"""Reports that wait, at most; of more the oldest are dropped."""
TIMEOUT = 10.0
"""Seconds for one try."""
PAUSES = (1.0, 5.0)
"""Seconds before the second and the third try."""


class Status(StrEnum):
    """A status, as PyBit calls it."""

    BUILDING = "Building"
    DONE = "Done"
    FAILED = "Failed"
    BLOCKED = "Blocked"


class StatusReports:
    """Reports what becomes of PyBit's jobs, one after the other, if the settings say where to."""

    def __init__(self, settings: PybitTable, *, pauses: tuple[float, ...] = PAUSES) -> None:
        self._settings = settings
        self._pauses = pauses
        self._waiting: deque[tuple[str, Status]] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def report(self, build: BuildRequest, status: Status) -> None:
        """Report the status of a job, in a while. Returns at once and raises nothing."""
        if self._settings.url is None:
            return
        self._waiting.append((job_id_of(build.get_job_id()), status))
        if len(self._waiting) > MOST:
            job, dropped = self._waiting.popleft()
            log.warning(
                "a status was not reported to PyBit: too many wait", job=job, status=dropped
            )
        self._idle.clear()
        self._work.set()
        if self._task is None:
            self._task = asyncio.create_task(self._send_all(), name="status reports to PyBit")

    async def close(self, within: float = 5.0) -> None:
        """Send what waits, for at most so many seconds."""
        if self._task is None:
            return
        await wait_at_most(within, self._idle.wait())
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if not self._idle.is_set():
            log.warning("status of jobs not reported to PyBit", reports=len(self._waiting) + 1)

    async def _send_all(self) -> None:
        async with self._client() as client:
            while True:
                await self._work.wait()
                while self._waiting:
                    await self._send(client, *self._waiting.popleft())
                self._work.clear()
                self._idle.set()

    async def _send(self, client: httpx.AsyncClient, job: str, status: Status) -> None:
        reason = ""
        for pause in (0.0, *self._pauses):
            await asyncio.sleep(pause)
            try:
                reason, again = await self._put(client, job, status)
            except Exception as error:  # of whatever library, it must not end the reports
                reason, again = f"{type(error).__name__}: {error}", True
            if not reason:
                return
            if not again:
                break
        log.warning("status not reported to PyBit", job=job, status=status, reason=reason[:300])

    async def _put(self, client: httpx.AsyncClient, job: str, status: Status) -> tuple[str, bool]:
        """Return what went wrong, empty if nothing did, and whether another try may help."""
        address = f"{self._settings.url}/job/{quote(job, safe='')}"
        async with (
            asyncio.timeout(TIMEOUT),
            client.stream("PUT", address, data={"status": status.value}) as response,
        ):
            well = 200 <= response.status_code < 300
            reason = "" if well else f"it answered {response.status_code}"
            return reason, response.status_code >= 500

    def _client(self) -> httpx.AsyncClient:
        import httpx  # only a worker that reports loads it

        user, password = self._settings.user, self._settings.password.get_secret_value()
        return httpx.AsyncClient(
            auth=(user, password) if user else None,
            follow_redirects=False,
            timeout=TIMEOUT,
            trust_env=False,
        )
