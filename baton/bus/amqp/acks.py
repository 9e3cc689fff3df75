"""Acknowledgements in batches: one frame for many messages instead of one for each."""

from __future__ import annotations

import asyncio

import structlog
from aiormq.abc import AbstractChannel

log = structlog.get_logger(__name__)

BATCH = 32
DELAY = 0.002
"""An acknowledgement is sent with `BATCH` others or after `DELAY` seconds, whatever is first."""


class PendingAcks:
    """Which delivery tags are acknowledged, and what to tell the broker of it. Pure.

    Tags count from 1. All up to the first one that is not settled are acknowledged by one frame.
    Those behind it wait for one more flush and then go one by one, so that one slow message does
    not hold the others.
    """

    def __init__(self) -> None:
        self._next = 1
        self._acked: set[int] = set()
        self._told: set[int] = set()
        self._waited: set[int] = set()

    def __len__(self) -> int:
        """How many acknowledgements the broker does not know of."""
        return len(self._acked)

    def ack(self, tag: int) -> None:
        """`tag` is acknowledged."""
        self._acked.add(tag)

    def rejected(self, tag: int) -> None:
        """`tag` is settled, and the broker knows of it."""
        self._told.add(tag)

    def flush(self) -> tuple[int | None, list[int]]:
        """Acknowledge all up to this tag, if any, and these; the broker is told now."""
        upto = None
        while True:
            if self._next in self._acked:
                self._acked.remove(self._next)
                upto = self._next
            elif self._next in self._told:
                self._told.remove(self._next)
            else:
                break
            self._next += 1
        singles = sorted(self._waited & self._acked)
        self._acked.difference_update(singles)
        self._told.update(singles)
        self._waited = set(self._acked)
        return upto, singles


class AckBatcher:
    """Settles what was delivered on one AMQP channel. After that channel is gone, does nothing."""

    def __init__(self, channel: AbstractChannel) -> None:
        self.channel = channel
        self._acks = PendingAcks()
        self._rejects: list[tuple[int, bool]] = []
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def ack(self, tag: int) -> None:
        """Acknowledge, soon."""
        self._acks.ack(tag)
        if len(self._acks) >= BATCH:
            self._send_now()
        elif self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._send_now)

    def reject(self, tag: int, requeue: bool) -> None:
        """Reject, now."""
        self._rejects.append((tag, requeue))
        self._send_now()

    async def flush(self) -> None:
        """Return when everything has been handed to the connection."""
        while self._task is not None or self._rejects or len(self._acks):
            if self._task is None:
                self._send_now()
            elif not self._task.done():
                await asyncio.wait({self._task})

    def _send_now(self) -> None:
        if self._task is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._task = self._loop.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._rejects:
                tag, requeue = self._rejects.pop(0)
                self._acks.rejected(tag)
                await self.channel.basic_reject(tag, requeue=requeue, wait=False)
            upto, singles = self._acks.flush()
            if upto is not None:
                await self.channel.basic_ack(upto, multiple=True, wait=False)
            for tag in singles:
                await self.channel.basic_ack(tag, wait=False)
        except Exception as error:
            # The broker takes all that is not settled back by itself, and delivers it again.
            log.debug("not settled, the connection is gone", error=repr(error))
            self._acks = PendingAcks()
            self._rejects.clear()
        finally:
            self._task = None
        if self._rejects:
            self._send_now()
        elif len(self._acks) and self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._send_now)
