"""Socket Mode: keeps two connections to Slack, and replaces each before it is lost where possible.

Slack refreshes a connection every few hours, and a connection can look alive and deliver nothing.
So there are two lanes, each of which keeps one connection open. A connection that Slack wants
replaced, or that was silent for long, is closed only after its successor is open.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import aiohttp
import structlog
from slack_sdk.socket_mode.request import SocketModeRequest
from typing_extensions import override

from baton.bus.channel import Link
from baton.errors import BatonError
from baton.timing.backoff import delay, jittered
from baton.timing.waiting import wait_at_most
from bot.fronts.errors import Throttled
from bot.fronts.slack.listeners.deliveries import Ack
from bot.fronts.slack.socket_mode.connection import Connection, Owner
from bot.fronts.slack.socket_mode.strangers import ForeignConnections
from bot.fronts.slack.tasks import BackgroundTasks

log = structlog.get_logger(__name__)

CONNECTIONS = 2
SILENCE_TIMEOUT = 600.0
"""Seconds without a message after which a connection is replaced: it may only look alive."""
FIRST_PAUSE = 0.5
MAX_PAUSE = (2.0, 30.0)
"""Seconds that each lane waits at the most: on a bad network one of them is soon back, and the
other does not hammer at Slack."""
MIN_LIFETIME = 10.0
"""Seconds; whoever loses connections that are younger waits before the next, longer each time. One
that Slack asks to be replaced was not lost, unless that was at once."""
MIN_REFRESH_LIFETIME = 1.0
RETIRE_TIMEOUT = 15.0
"""Seconds after which we hang up a replaced connection if Slack does not: what Slack sends in the
moment in which we do is lost."""
ACK_TIMEOUT = 4.0
"""Seconds for which it then stays open for answers that are still due."""
REASONS = {"link_disabled": "Socket Mode is switched off in the app's settings"}
REFRESH_REASONS = ("warning", "refresh_requested")
"""Slack's reasons to disconnect that leave time for a successor."""

Take = Callable[[SocketModeRequest, Ack], Coroutine[Any, Any, None]]


class SocketModeClient(Owner):
    """The connections. `changed` is called with whether at least one is up, and why not; `ours`
    returns the number of other bots that use this database, None if it is not known."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        ticket: Callable[[], Awaitable[str]],
        take: Take,
        changed: Callable[[Link, str], None],
        *,
        proxy: str | None = None,
        quiet: float = SILENCE_TIMEOUT,
        ours: Callable[[], int | None] = lambda: 0,
    ) -> None:
        self._session = session
        self._ticket = ticket
        self._take = take
        self._changed = changed
        self._proxy = proxy
        self._quiet = quiet
        self._ours = ours
        self._opening = 0
        self._others = ForeignConnections()
        self._connections: list[Connection] = []
        self._lanes: list[asyncio.Task[None]] = []
        self._taking = BackgroundTasks()
        self._retiring = BackgroundTasks()

    def start(self) -> None:
        """Connect, and stay connected."""
        self._lanes = [asyncio.create_task(self._kept(at)) for at in range(CONNECTIONS)]

    @property
    def at_work(self) -> int:
        """The number of deliveries that are not acknowledged yet."""
        return len(self._taking)

    @property
    def heard(self) -> float | None:
        """The time of the last message from Slack, on the monotonic clock; None while
        disconnected."""
        return max((each.heard for each in self._connections), default=None)

    @property
    def strangers(self) -> int:
        """The number of connections that Slack counts for our app and that no bot of ours holds."""
        return self._others.count

    async def drain(self, seconds: float) -> None:
        """Finish the running deliveries within `seconds`, then close."""
        for lane in self._lanes:
            lane.cancel()
        if self._lanes:
            await asyncio.wait(self._lanes)
        cancelled = await self._taking.drain(seconds)
        if cancelled:
            log.warning("deliveries from Slack were abandoned", count=cancelled)
        await self._retiring.drain(0)
        await asyncio.gather(*(each.close() for each in list(self._connections)))
        self._changed(Link.DOWN, "closed by us")

    @override
    def requested(self, connection: Connection, request: SocketModeRequest) -> None:
        """Handle a delivery. `connection` is preferred for its answer."""

        async def ack(envelope_id: str, payload: Mapping[str, Any]) -> bool:
            others = (each for each in list(self._connections) if each is not connection)
            for each in (connection, *others):
                if await each.send(envelope_id, payload):
                    return True
            return False

        self._taking.start(self._take(request, ack))

    @override
    def ended(self, connection: Connection) -> None:
        """Forget `connection`, which has ended."""
        if connection in self._connections:
            self._connections.remove(connection)
            if not self._connections:
                self._changed(Link.DOWN, _readable(connection.reason))

    async def _kept(self, number: int) -> None:
        while True:
            try:
                await self._lane(number)
            except Exception:
                log.exception("a connection to Slack failed with an unexpected error")
                await asyncio.sleep(MAX_PAUSE[-1])

    async def _lane(self, number: int) -> None:
        old: Connection | None = None
        short_lived = 0
        while True:
            new = await self._connected(number)
            if old is not None:
                self._retiring.start(self._retire(old))
            born = time.monotonic()
            old = new if await self._lasted(new) else None
            if old is None:
                await new.close()
            lived = time.monotonic() - born
            if new.over.is_set() and lived < (
                MIN_LIFETIME if old is None else MIN_REFRESH_LIFETIME
            ):
                short_lived += 1
                # Once may be chance; more often, we would hammer at Slack.
                if short_lived > 1:
                    pause = delay(short_lived, FIRST_PAUSE, MAX_PAUSE[number])
                    await asyncio.sleep(jittered(pause))
            else:
                short_lived = 0

    async def _lasted(self, connection: Connection) -> bool:
        """Wait until the connection needs a successor or ends. Return whether it still works."""
        quiet = jittered(self._quiet, 0.2)
        while True:
            left = connection.heard + quiet - time.monotonic()
            again = self._others.seconds_to_next_check(time.monotonic())
            if left <= 0 or (again is not None and again <= 0):
                log.info("a connection to Slack is replaced")
                return True
            left = left if again is None else min(left, again)
            if not await wait_at_most(left, connection.over.wait()):
                continue
            log.info("a connection to Slack is over", reason=connection.reason)
            return connection.reason in REFRESH_REASONS

    async def _connected(self, number: int) -> Connection:
        """Return a new connection, however long it takes."""
        failures = 0
        while True:
            try:
                made = await self._opened()
            except (BatonError, aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = _why(error)
                failures += 1
                wait = delay(failures, FIRST_PAUSE, MAX_PAUSE[number])
                if isinstance(error, Throttled):
                    wait = error.seconds
                if not self._connections:
                    self._changed(Link.DOWN, reason)
                log.warning(
                    "cannot connect to Slack", connection=number, reason=reason, again_in=wait
                )
                await asyncio.sleep(jittered(wait))
            else:
                self._connections.append(made)
                self._counted(made.counted)
                self._changed(Link.UP, "")
                log.info(
                    "connected to Slack", connection=number, connections=len(self._connections)
                )
                return made

    async def _opened(self) -> Connection:
        self._opening += 1
        try:
            url = await self._ticket()
            return await Connection.opened(self._session, url, self, proxy=self._proxy)
        finally:
            self._opening -= 1

    def _counted(self, counted: int) -> None:
        """Compare Slack's count of connections with our own."""
        others = self._ours()
        if others is None:
            return
        held = len(self._connections) + self._opening + others * CONNECTIONS
        if not self._others.observe(counted, held, time.monotonic()):
            return
        if self.strangers:
            log.error(
                "another program uses this app's tokens: Slack sends it a part of the commands; "
                "use a separate Slack app for each installation",
                counted=counted,
                ours=held,
            )
        else:
            log.info("no other program uses this app's tokens any more")

    async def _retire(self, connection: Connection) -> None:
        """Close a replaced connection, once nothing more arrives and all answers are sent."""
        await connection.hung_up(RETIRE_TIMEOUT)
        await self._taking.finish(ACK_TIMEOUT)
        await connection.close()


def _why(error: Exception) -> str:
    """Return the error in words, without the ticket, which is in the URL of a failed handshake."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"Slack refused the connection (HTTP {error.status})"
    return _readable(str(error)) or type(error).__name__


def _readable(reason: str) -> str:
    return REASONS.get(reason, reason)
