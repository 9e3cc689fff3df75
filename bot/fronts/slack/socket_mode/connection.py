"""One Socket Mode connection, from its ticket to its end. It is replaced, it never reconnects.

The SocketModeClient of the SDK reconnects by itself, and loses deliveries: it closes the old
connection before the new one is open, keeps using an expired ticket, and cancels running handlers
when it closes. Without that, a WebSocket remains, which aiohttp monitors (`heartbeat`).

docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import structlog
from slack_sdk.socket_mode.request import SocketModeRequest

from baton.timing.waiting import wait_at_most

log = structlog.get_logger(__name__)

HEARTBEAT = 2.5
"""Seconds of silence after which we ping; without an answer for half as long it is dead."""
HELLO_TIMEOUT = 8.0
CLOSE_TIMEOUT = 1.0


class Owner(Protocol):
    """The owner of a connection, which is called when something happens on it."""

    def requested(self, connection: Connection, request: SocketModeRequest) -> None:
        """Slack sent a request that needs an acknowledgement."""

    def ended(self, connection: Connection) -> None:
        """The connection has ended."""


class Connection:
    """An open connection. `reason` says why it ended, once `over` is set."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, owner: Owner) -> None:
        self._ws = ws
        self._owner = owner
        self._greeted = asyncio.Event()
        self.over = asyncio.Event()
        self.reason = ""
        self.counted = 0
        """How many connections the app had when this one began, by Slack's count."""
        self.heard = time.monotonic()
        """When Slack last sent something, on the monotonic clock."""
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def opened(
        cls,
        session: aiohttp.ClientSession,
        url: str,
        owner: Owner,
        proxy: str | None = None,
    ) -> Connection:
        """Connect to `url` and wait for Slack's hello.

        Raises aiohttp.ClientError or TimeoutError if there is none, and ConnectionError with
        Slack's reason if Slack refused.
        """
        async with asyncio.timeout(HELLO_TIMEOUT):
            ws = await session.ws_connect(url, heartbeat=HEARTBEAT, proxy=proxy, compress=0)
        connection = cls(ws, owner)
        try:
            await connection._hello()
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _hello(self) -> None:
        waits = [
            asyncio.create_task(self._greeted.wait()),
            asyncio.create_task(self.over.wait()),
        ]
        try:
            await asyncio.wait(waits, timeout=HELLO_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.over.is_set():
            raise ConnectionError(self.reason)
        if not self._greeted.is_set():
            raise ConnectionError(f"no hello within {HELLO_TIMEOUT} s")

    async def send(self, envelope_id: str, payload: Mapping[str, Any]) -> bool:
        """Acknowledge an envelope. Return False if the connection has ended."""
        answer: dict[str, Any] = {"envelope_id": envelope_id}
        if payload:
            answer["payload"] = payload
        if self._ws.closed:
            return False
        try:
            await self._ws.send_str(json.dumps(answer))
        except (ConnectionError, aiohttp.ClientError, RuntimeError):
            return False
        return True

    async def hung_up(self, seconds: float) -> None:
        """Return when the other side has closed the connection, after `seconds` at the latest."""
        await asyncio.wait({self._reader}, timeout=seconds)

    async def close(self) -> None:
        """Close the connection, with a short wait for the other side."""
        if not await wait_at_most(CLOSE_TIMEOUT, self._ws.close()):
            log.debug("Slack did not confirm that a connection was closed")
        self._reader.cancel()
        await asyncio.wait({self._reader})
        self._end("closed by us")

    async def _read(self) -> None:
        try:
            self._end(await self._heard_out())
        finally:
            self._owner.ended(self)

    async def _heard_out(self) -> str:
        """Read to the end. Return why it ended."""
        try:
            async for frame in self._ws:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    self.heard = time.monotonic()
                    self._received(json.loads(frame.data))
                elif frame.type is aiohttp.WSMsgType.ERROR:
                    return f"broken: {frame.data or self._ws.exception()}"
        except ValueError as error:
            return f"not understood: {error}"
        return f"closed (code {self._ws.close_code})"

    def _received(self, message: Mapping[str, Any]) -> None:
        kind = message.get("type")
        if kind == "hello":
            count = message.get("num_connections")
            self.counted = count if isinstance(count, int) else 0
            self._greeted.set()
        elif kind == "disconnect":
            self._end(str(message.get("reason") or "disconnect"))
        elif "envelope_id" in message:
            self._owner.requested(
                self,
                SocketModeRequest(
                    type=str(kind),
                    envelope_id=str(message["envelope_id"]),
                    payload=message.get("payload") or {},
                    accepts_response_payload=message.get("accepts_response_payload") is True,
                    retry_attempt=message.get("retry_attempt"),
                    retry_reason=message.get("retry_reason"),
                ),
            )

    def _end(self, reason: str) -> None:
        if not self.over.is_set():
            self.reason = reason
            self.over.set()
