"""AckBatcher acknowledges in batches: one frame for many messages instead of one for each."""

from __future__ import annotations

import asyncio

import structlog
from aiormq import Channel

from baton.errors import Disconnected

log = structlog.get_logger(__name__)

BATCH = 32
DELAY = 0.002
"""Acknowledgements are sent once there are `BATCH`, or after `DELAY` seconds."""
FENCE_TIMEOUT = 10.0
"""Seconds that the broker may take to answer."""


class PendingAcks:
    """The delivery tags that are acknowledged, and what the broker must be sent of them. Pure.

    Tags count from 1. All up to the first unsettled one are acknowledged by one frame. Those behind
    it wait for one more flush and are then sent one by one, so that one slow message does not hold
    back the others.
    """

    def __init__(self) -> None:
        self._next = 1
        self._acked: set[int] = set()
        self._told: set[int] = set()
        self._waited: set[int] = set()

    def __len__(self) -> int:
        """Return how many acknowledgements are not sent yet."""
        return len(self._acked)

    def ack(self, tag: int) -> None:
        """Note that `tag` is acknowledged."""
        self._acked.add(tag)

    def rejected(self, tag: int) -> None:
        """Note that `tag` was rejected, and the broker told."""
        self._told.add(tag)

    def flush(self, *, everything: bool = False) -> tuple[int | None, list[int]]:
        """Return what to send: all up to this tag (None: none), and these single tags; with
        `everything`, none waits for one more flush."""
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
        singles = sorted(self._acked if everything else self._waited & self._acked)
        self._acked.difference_update(singles)
        self._told.update(singles)
        self._waited = set(self._acked)
        return upto, singles


class AckBatcher:
    """Settles the messages of one AMQP channel. Once that is closed, it does nothing."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._acks = PendingAcks()
        self._rejects: list[tuple[int, bool]] = []
        self._fences: list[asyncio.Future[None]] = []
        self._prefetch = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def ack(self, tag: int) -> None:
        """Acknowledge `tag` soon."""
        self._acks.ack(tag)
        if len(self._acks) >= BATCH:
            self._send_now()
        elif self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._send_now)

    async def allow(self, prefetch: int) -> None:
        """Let the consumer that begins next have at most `prefetch` unsettled messages."""
        self._prefetch = prefetch
        await self.channel.basic_qos(prefetch_count=prefetch, timeout=FENCE_TIMEOUT)

    async def ack_and_fence(self, tag: int) -> None:
        """Acknowledge `tag`, and return once the broker has processed that. Raises Disconnected if
        that is not known.

        The broker processes what comes on one AMQP channel in order: when it answers a call, it has
        passed on all acknowledgements before it. The queue has them before it can hear that the
        channel is gone, which would make it hand the messages out again.
        """
        self._acks.ack(tag)
        fence: asyncio.Future[None] = self._loop.create_future()
        self._fences.append(fence)
        self._send_now()
        await fence

    def reject(self, tag: int, requeue: bool) -> None:
        """Reject `tag` now."""
        self._rejects.append((tag, requeue))
        self._send_now()

    async def flush(self) -> None:
        """Wait until everything was passed to the connection."""
        while self._task is not None or self._rejects or self._fences or len(self._acks):
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
        fences, self._fences = self._fences, []
        try:
            while self._rejects:
                tag, requeue = self._rejects.pop(0)
                self._acks.rejected(tag)
                await self.channel.basic_reject(tag, requeue=requeue, wait=False)
            upto, singles = self._acks.flush(everything=bool(fences))
            if upto is not None:
                await self.channel.basic_ack(upto, multiple=True, wait=False)
            for tag in singles:
                await self.channel.basic_ack(tag, wait=False)
            if fences:
                # any call that is answered would do; this one changes nothing
                await self.channel.basic_qos(prefetch_count=self._prefetch, timeout=FENCE_TIMEOUT)
            for fence in fences:
                if not fence.done():
                    fence.set_result(None)
        except (Exception, asyncio.CancelledError) as error:
            # the broker requeues all that is not settled, and delivers it again
            log.debug("not settled, connection lost", error=repr(error))
            self._acks = PendingAcks()
            self._rejects.clear()
            fences += self._fences
            self._fences = []
            for fence in fences:
                if not fence.done():
                    fence.set_exception(Disconnected(url="", reason="the connection was lost"))
        finally:
            self._task = None
        if self._rejects or self._fences:
            self._send_now()
        elif len(self._acks) and self._timer is None:
            self._timer = self._loop.call_later(DELAY, self._send_now)
