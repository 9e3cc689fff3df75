"""Publisher sends confirmed publishes over one connection: pipelined, in the order of the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiormq
from aiormq.abc import AbstractConnection
from aiormq.exceptions import ChannelInvalidStateError, PublishError

from baton.bus.amqp import reasons, wire
from baton.bus.channel import Envelope
from baton.errors import Disconnected, Unconfirmed, Unroutable

BLOCKED_CHECK_INTERVAL = 0.2
"""Seconds after which an outstanding confirm makes us check whether the broker blocks us."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A publish that is not confirmed yet: its message's ID, the time of the loop's clock until
    which its caller waits, and the future that wakes the caller."""

    id: str
    deadline: float
    over: asyncio.Future[None]

    def end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Publisher:
    """Publishes over `channel`, as `user`, our account.

    Calls `blocked` with True when the broker stops accepting messages, and with False when it
    accepts them again.
    """

    def __init__(
        self,
        channel: aiormq.Channel,
        url: str,
        blocked: Callable[[bool], None],
        user: str = "",
    ) -> None:
        self._channel = channel
        self._url = url
        self._user = user
        self._blocked = blocked
        self._pending: dict[asyncio.Task[object], _Pending] = {}
        self._ids: dict[str, asyncio.Task[object]] = {}
        self._look: asyncio.TimerHandle | None = None
        self._unblock: asyncio.Task[None] | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether the broker accepts no messages at the moment."""
        return self._unblock is not None

    async def publish(
        self,
        exchange: str,
        key: str,
        envelope: Envelope,
        *,
        mandatory: bool,
        timeout: float,
    ) -> None:
        """Publish and wait for the confirm, at most `timeout` seconds, as Channel.publish does."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        # a returned message is known by its ID alone, so one ID is being sent only once at a time
        while (earlier := self._ids.get(envelope.id)) is not None:
            await asyncio.wait({earlier}, timeout=max(0.0, deadline - loop.time()))
            if not earlier.done():
                raise Unconfirmed(
                    key=key,
                    exchange=exchange,
                    reason="a message with the same ID is still being sent",
                )
        # a task of its own: once given up it still receives the late confirm or return, and when
        # the client cancels it, because the connection died, that does not cancel the caller
        task: asyncio.Task[object] = loop.create_task(
            self._channel.basic_publish(
                envelope.body,
                exchange=exchange,
                routing_key=key,
                properties=wire.to_properties(envelope, self._user),
                mandatory=mandatory,
                wait=False,
            )
        )
        await self._track(task, envelope.id, deadline)
        self._conclude(task, exchange, key, timeout)

    async def close(self) -> None:
        """Give up the publishes that are not confirmed."""
        if self._look is not None:
            self._look.cancel()
        rest: set[asyncio.Task[object]] = set(self._pending)
        if self._unblock is not None:
            self._unblock.cancel()
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest)

    def _track(self, task: asyncio.Task[object], id: str, deadline: float) -> asyncio.Future[None]:
        """Track `task`; the result is done when the task is, or soon after its deadline."""
        loop = asyncio.get_running_loop()
        pending = self._pending[task] = _Pending(id, deadline, loop.create_future())
        if id:
            self._ids[id] = task
        task.add_done_callback(self._done)
        # one timer for all: a timer for each would be expensive with thousands of them
        self._look_by(min(deadline, loop.time() + BLOCKED_CHECK_INTERVAL))
        return pending.over

    def _done(self, task: asyncio.Task[object]) -> None:
        pending = self._pending.pop(task)
        if self._ids.get(pending.id) is task:
            del self._ids[pending.id]
        if not task.cancelled():
            task.exception()  # the caller may have given up, and nobody else retrieves it
        pending.end()

    def _conclude(
        self, task: asyncio.Task[object], exchange: str, key: str, timeout: float
    ) -> None:
        if not task.done():
            raise Unconfirmed(key=key, exchange=exchange, reason=f"no confirm within {timeout:g} s")
        if task.cancelled():
            raise Unconfirmed(key=key, exchange=exchange, reason="the connection was lost")
        error = task.exception()
        if error is None:
            return
        if isinstance(error, PublishError):
            raise Unroutable(key=key, exchange=exchange)
        if isinstance(error, ChannelInvalidStateError):
            raise Disconnected(url=self._url, reason="the connection was lost")
        if isinstance(error, ValueError):
            raise error
        raise Unconfirmed(key=key, exchange=exchange, reason=reasons.reason_of(error))

    def _look_by(self, at: float) -> None:
        if self._look is None or self._look.when() > at:
            if self._look is not None:
                self._look.cancel()
            self._look = asyncio.get_running_loop().call_at(at, self._look_now)

    def _look_now(self) -> None:
        self._look = None
        if not self._pending:
            return
        now = asyncio.get_running_loop().time()
        for pending in self._pending.values():
            if pending.deadline <= now:
                pending.end()
        if self._unblock is None and _waits(self._channel.connection):
            self._unblock = asyncio.create_task(self._until_unblocked())
        waiting = (each.deadline for each in self._pending.values() if not each.over.done())
        self._look_by(min([now + BLOCKED_CHECK_INTERVAL, *waiting]))

    async def _until_unblocked(self) -> None:
        self._blocked(True)
        await self._channel.connection.ready()
        self._unblock = None
        self._blocked(False)


def _waits(connection: AbstractConnection) -> bool:
    """Return whether `connection.ready()` would wait, because the broker sent Connection.Blocked.

    The broker sends that only after a publish, and the client shows it in no other way.
    """
    probe = connection.ready()
    try:
        probe.send(None)
    except StopIteration:
        return False
    probe.close()
    return True
