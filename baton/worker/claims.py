"""Claims decide which worker has a job that two of them may have been handed."""

from __future__ import annotations

import asyncio

import structlog

from baton.bus.channel import Channel
from baton.errors import BatonError, Disconnected
from baton.timing.waiting import wait_at_most
from baton.worker.incoming import Incoming
from baton.worker.journal import WorkJournal

log = structlog.get_logger(__name__)

REFUSED_RETRY = 15.0
"""Seconds until a claim is tried again that the bus refuses to this account."""


class Claims:
    """The claims of one worker, until it is `stopping`; the journal knows its name as a holder."""

    def __init__(self, channel: Channel, journal: WorkJournal, stopping: asyncio.Event) -> None:
        self._channel = channel
        self._journal = journal
        self._stopping = stopping

    async def is_claimed(self, job: Incoming) -> bool:
        """Return whether somebody has the claim to `job`. Raises Disconnected."""
        return await self._channel.is_claimed(job.claim)

    async def claim(self, job: Incoming) -> bool:
        """Return whether we have the claim to `job`; waits until the bus says so. If this worker
        stops first, its next life asks again."""
        holder = await self._journal.holder()
        while not self._stopping.is_set():
            try:
                if await self._channel.claim(job.claim, holder):
                    return True
                log.info("another worker has the job", job=job.job)
                await self._journal.give_up(job)
                return False
            except Disconnected:
                await self._up_or_stopping()
            except BatonError as error:
                log.error("a job cannot be claimed, so it does not start", error=str(error))
                await wait_at_most(REFUSED_RETRY, self._stopping.wait())
        return False

    async def _up_or_stopping(self) -> None:
        """Wait until the link is up, or this worker is to stop."""
        waits = [
            asyncio.create_task(each) for each in (self._channel.wait_up(), self._stopping.wait())
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
