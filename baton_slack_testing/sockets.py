"""Socket Mode: connections by one-time tickets, envelopes out, acknowledgements in."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import deque
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from baton_slack_testing.changes import Changes
from baton_slack_testing.delivery import Delivery
from baton_slack_testing.errors import Json
from baton_slack_testing.workspace import APP

MOST_CONNECTIONS = 10

LET_GO = 0.3
"""Seconds before it closes a connection in which Slack sends nothing into it any more."""


@dataclass(slots=True, eq=False)
class Connection:
    """One open socket: `leaving` after a refresh, `dead` when it only looks alive."""

    number: int
    ws: web.WebSocketResponse
    request: web.BaseRequest
    leaving: bool = False
    dead: bool = False
    pings: int = 0
    pongs: int = 0


@dataclass(slots=True)
class SocketSettings:
    """Seconds: to acknowledge, before each further try of an event, of a ticket's life."""

    ack_seconds: float = 3.0
    retry_delays: tuple[float, ...] = (0.0, 60.0, 300.0)
    ticket_seconds: float = 30.0


@dataclass(eq=False)
class Socket:
    """All connections of the app, and everything that can go wrong with them."""

    changes: Changes
    settings: SocketSettings
    record: bool = True
    origin: str = ""
    connections: list[Connection] = field(default_factory=list)
    opened: int = 0
    refused: int = 0
    late_acks: int = 0
    strange_acks: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deliveries: deque[Delivery] = deque(maxlen=None if self.record else 0)
        self._pending: dict[str, deque[Delivery]] = {}
        self._expired: deque[str] = deque(maxlen=1000)
        self._tickets: dict[str, float] = {}
        self._refusals: int | None = 0
        self._disabled = False
        self._turn = 0
        self._retries: set[asyncio.Task[None]] = set()

    # -- connecting

    def new_url(self) -> str:
        """A URL that is good for one connection, soon."""
        ticket = uuid.uuid4().hex
        self._tickets[ticket] = time.monotonic() + self.settings.ticket_seconds
        url = self.origin.replace("http://", "ws://")
        return f"{url}/link/?ticket={ticket}&app_id={APP}"

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One socket, for as long as it lives."""
        if self._refusals is None or self._refusals > 0:
            self._refusals = None if self._refusals is None else self._refusals - 1
            self.refused += 1
            return web.Response(status=503)
        good_until = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if time.monotonic() > good_until:
            self.refused += 1
            return web.Response(status=403, text="ticket_expired")
        ws = web.WebSocketResponse(autoping=False, autoclose=False, compress=False)
        await ws.prepare(request)
        if self._disabled or len(self.connections) >= MOST_CONNECTIONS:
            reason = "link_disabled" if self._disabled else "too_many_websockets"
            await ws.send_json(farewell(reason))
            await ws.close()
            return ws
        self.opened += 1
        connection = Connection(self.opened, ws, request)
        self.connections.append(connection)
        try:
            await ws.send_json(hello(len(self.connections)))
            self.changes.notify()
            await self._listen(connection)
        finally:
            self._forget(connection)
        return ws

    def _forget(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        self.changes.notify()

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.ws:
            if connection.dead:
                continue
            if frame.type is WSMsgType.TEXT:
                self._acknowledged(json.loads(frame.data))
            elif frame.type is WSMsgType.PING:
                connection.pings += 1
                await connection.ws.pong(frame.data)
                self.changes.notify()
            elif frame.type is WSMsgType.PONG:
                connection.pongs += 1
                self.changes.notify()
        if connection.dead:
            # The close is not answered either; the client's end of TCP cancels this handler.
            await asyncio.get_running_loop().create_future()

    def _acknowledged(self, ack: Json) -> None:
        id = ack.get("envelope_id")
        waiting = self._pending.get(id) if isinstance(id, str) else None
        if waiting is None or not isinstance(id, str):
            if id in self._expired:
                self.late_acks += 1
            else:
                self.strange_acks.append(ack)
            self.changes.notify()
            return
        delivery = waiting.popleft()
        if not waiting:
            del self._pending[id]
        delivery.answer = ack.get("payload")
        delivery.close(acked=True)
        self.changes.notify()

    # -- delivering

    async def deliver(self, delivery: Delivery) -> bool:
        """Send on one of the connections; False if there is none."""
        if self.record:
            self.deliveries.append(delivery)
        connection = self._next()
        delivery.sent_at = time.monotonic()
        if connection is None:
            self._give_up(delivery)
            return False
        delivery.connection = connection.number
        self._pending.setdefault(delivery.id, deque()).append(delivery)
        seconds = self.settings.ack_seconds
        delivery.timer = asyncio.get_running_loop().call_later(seconds, self._expire, delivery)
        if not connection.dead:
            try:
                await connection.ws.send_str(delivery.text())
            except ConnectionError:
                # Lost on the way, as on any socket; the timer for its ack is running.
                self._forget(connection)
        return True

    def _next(self) -> Connection | None:
        open_ones = [each for each in self.connections if not each.ws.closed]
        live = [each for each in open_ones if not each.leaving] or open_ones
        if not live:
            return None
        self._turn += 1
        return live[self._turn % len(live)]

    def _expire(self, delivery: Delivery) -> None:
        waiting = self._pending.get(delivery.id)
        if waiting is not None and delivery in waiting:
            waiting.remove(delivery)
            if not waiting:
                del self._pending[delivery.id]
        self._expired.append(delivery.id)
        self._give_up(delivery)

    def _give_up(self, delivery: Delivery) -> None:
        delivery.close(acked=False)
        delays = self.settings.retry_delays
        if delivery.type == "events_api" and delivery.attempt < len(delays):
            retry = delivery.again(attempt=delivery.attempt + 1)
            task = asyncio.create_task(self._retry(retry, delays[delivery.attempt]))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)
        self.changes.notify()

    async def _retry(self, delivery: Delivery, delay: float) -> None:
        await asyncio.sleep(delay)
        await self.deliver(delivery)

    # -- what can go wrong

    async def refresh(self, *, grace: float = 10.0) -> None:
        """Slack asks each connection to be replaced, and closes it after `grace` seconds."""
        await self._dismiss("refresh_requested", grace)

    async def warn(self, *, grace: float = 10.0) -> None:
        """Slack announces that it will close each connection in `grace` seconds; until then it uses
        them as before."""
        for connection in list(self.connections):
            await connection.ws.send_json(farewell("warning"))
            self._closing(connection, grace)

    async def disable(self) -> None:
        """Somebody switched Socket Mode off; new connections are told so too."""
        self._disabled = True
        await self._dismiss("link_disabled", 0.0)

    def enable(self) -> None:
        """Somebody switched Socket Mode on again."""
        self._disabled = False

    async def _dismiss(self, reason: str, grace: float) -> None:
        for connection in list(self.connections):
            connection.leaving = True
            await connection.ws.send_json(farewell(reason))
            self._closing(connection, grace)

    def _closing(self, connection: Connection, grace: float) -> None:
        task = asyncio.create_task(self._close_later(connection, grace))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _close_later(self, connection: Connection, grace: float) -> None:
        await asyncio.sleep(max(grace - LET_GO, 0.0))
        connection.leaving = True
        await asyncio.sleep(min(grace, LET_GO))
        await connection.ws.close()

    def drop(self) -> None:
        """The network resets each connection."""
        for connection in list(self.connections):
            self._forget(connection)
            if connection.request.transport is not None:
                connection.request.transport.abort()

    def dead(self) -> None:
        """The open connections stay open, and nothing goes through: no payload, ping or close.

        Slack goes on sending into each of them until the client hangs up.
        """
        for connection in self.connections:
            connection.dead = True

    def refuse(self, times: int | None = None) -> None:
        """Turn the next `times` connections away (None: until `accept`)."""
        self._refusals = times

    def accept(self) -> None:
        """Take connections again."""
        self._refusals = 0

    async def ping(self) -> None:
        """Slack looks whether the bot is there; its `pongs` are counted."""
        for connection in self.connections:
            await connection.ws.ping()

    async def close(self) -> None:
        """Stop all timers and retries."""
        tasks = list(self._retries)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for waiting in self._pending.values():
            for delivery in waiting:
                delivery.close(acked=False)
        self._pending.clear()


def hello(connections: int) -> Json:
    """The first words on a connection."""
    debug = {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060}
    info = {"type": "hello", "num_connections": connections, "debug_info": debug}
    return {**info, "connection_info": {"app_id": APP}}


def farewell(reason: str) -> Json:
    """Slack will close, or closed, this connection."""
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}
