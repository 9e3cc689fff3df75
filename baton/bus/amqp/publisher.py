"""Confirmed publishes over one connection, pipelined: frames in the order of the calls."""

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
"""A confirm that takes longer than this, in seconds, makes us look whether the broker blocks us."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A publish without a confirm: its message's id, the moment of the loop's clock until which its
    caller waits, and what wakes the caller."""

    id: str
    deadline: float
    over: asyncio.Future[None]

    def end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Publisher:
    """Publishes over `channel`.

    What it sends says that it is from `user`, our account. Tells `blocked` when the broker stops
    taking messages, and when it takes them again.
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
        """Whether the broker takes no messages for the moment."""
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
        """Publish and wait for the confirm, at most `timeout` seconds: see Channel.publish."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        # A returned message is known by its id alone, so one id is under way only once at a time.
        while (earlier := self._ids.get(envelope.id)) is not None:
            await asyncio.wait({earlier}, timeout=max(0.0, deadline - loop.time()))
            if not earlier.done():
                raise Unconfirmed(
                    key=key,
                    exchange=exchange,
                    reason="a message with the same id is still under way",
                )
        # A task of its own: given up, it still takes the late confirm or return, and what the
        # client does to it when the connection dies does not cancel us.
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
        """Give up what is not confirmed."""
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
        """Look after `task`; what is returned is done when it is, or soon after its deadline."""
        loop = asyncio.get_running_loop()
        pending = self._pending[task] = _Pending(id, deadline, loop.create_future())
        if id:
            self._ids[id] = task
        task.add_done_callback(self._done)
        # one look at all of them now and then: a timer for each is dear where there are thousands
        self._look_by(min(deadline, loop.time() + BLOCKED_CHECK_INTERVAL))
        return pending.over

    def _done(self, task: asyncio.Task[object]) -> None:
        pending = self._pending.pop(task)
        if self._ids.get(pending.id) is task:
            del self._ids[pending.id]
        if not task.cancelled():
            task.exception()  # the caller may have given up: nobody else asks for it
        pending.end()

    def _conclude(
        self, task: asyncio.Task[object], exchange: str, key: str, timeout: float
    ) -> None:
        if not task.done():
            raise Unconfirmed(key=key, exchange=exchange, reason=f"nothing within {timeout:g} s")
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
    """Whether `connection.ready()` would have to wait: the broker said Connection.Blocked.

    The broker says so only after we publish, and the client has no other word of it.
    """
    probe = connection.ready()
    try:
        probe.send(None)
    except StopIteration:
        return False
    probe.close()
    return True
