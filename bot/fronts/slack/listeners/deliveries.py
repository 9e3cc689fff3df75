"""Handles each delivery of Slack once, with a limit on concurrent ones, and answers it.

Slack may send the same delivery twice, to any connection of any bot. Within one bot the second one
gets the same answer. Between bots the key of the request prevents a second start.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.fronts.slack.listeners.app import private
from bot.fronts.slack.listeners.payloads import id_in, mapping_in

log = structlog.get_logger(__name__)

MAX_CONCURRENT = 100
"""Deliveries that are worked on at the same time."""
TURN_TIMEOUT = 0.7
"""Seconds that one more waits for its turn; with asking's budget this stays under Slack's 3 s."""
REMEMBER_FOR = 900.0
"""Seconds for which a delivery is known again; Slack's last retry comes after some 6 minutes."""
MAX_REMEMBERED = 5_000

BUSY = "The bot is very busy. Your request was not accepted; try again in a moment."
STOPPING = "The bot is restarting. Your request was not accepted; try again in a moment."

AckPayload = Mapping[str, Any]
"""What goes back to Slack with the acknowledgement; empty for a bare one."""

OnAnswerLost = Callable[[Mapping[str, Any], str], None]
"""Told the payload and the answer of a command whose answer did not reach Slack."""

Ack = Callable[[str, AckPayload], Awaitable[bool]]
"""Sends an acknowledgement for an envelope id; False if no connection took it."""


class DeliveryDeduplicator:
    """Takes deliveries until it is stopped."""

    def __init__(
        self,
        app: AsyncApp,
        unheard: OnAnswerLost,
        at_once: int = MAX_CONCURRENT,
        wait: float = TURN_TIMEOUT,
    ) -> None:
        self._app = app
        self._unheard = unheard
        self._turns = asyncio.Semaphore(at_once)
        self._wait = wait
        self._known: OrderedDict[str, tuple[float, asyncio.Future[AckPayload | None]]] = (
            OrderedDict()
        )
        self._stopping = False

    def stop(self) -> None:
        """Accept nothing more: commands are answered so, events are left to another bot."""
        self._stopping = True

    async def take(self, request: SocketModeRequest, ack: Ack) -> None:
        """Handle `request`, then acknowledge it.

        A request that could not be stored is not acknowledged, so that Slack delivers it again.
        """
        answer = await self._answer(request)
        if answer is None:
            return
        sent = await ack(request.envelope_id, answer)
        text = answer.get("text")
        if not sent and text and request.type == "slash_commands":
            self._unheard(request.payload, str(text))

    async def _answer(self, request: SocketModeRequest) -> AckPayload | None:
        id = _id(request)
        known = self._known.get(id)
        if known is not None:
            log.info("delivered again by Slack", id=id, kind=request.type)
            return await asyncio.shield(known[1])
        future: asyncio.Future[AckPayload | None] = asyncio.get_running_loop().create_future()
        self._remember(id, future)
        answer: AckPayload | None = None
        try:
            answer = await self._in_turn(request)
        finally:
            if not future.done():
                future.set_result(answer)
            if answer is None:
                self._known.pop(id, None)
        return answer

    async def _in_turn(self, request: SocketModeRequest) -> AckPayload | None:
        if self._stopping:
            return _not_taken(request, STOPPING)
        if self._turns.locked():
            try:
                async with asyncio.timeout(self._wait):
                    await self._turns.acquire()
            except TimeoutError:
                log.warning("too busy, a delivery was rejected", kind=request.type)
                return _not_taken(request, BUSY)
        else:
            await self._turns.acquire()
        try:
            return await self._dispatched(request)
        finally:
            self._turns.release()

    async def _dispatched(self, request: SocketModeRequest) -> AckPayload | None:
        body = request.payload
        response = await self._app.async_dispatch(
            AsyncBoltRequest(mode="socket_mode", body=body, headers={})
        )
        return _body(response) if response.status == 200 else None

    def _remember(self, id: str, future: asyncio.Future[AckPayload | None]) -> None:
        now = time.monotonic()
        self._known[id] = (now + REMEMBER_FOR, future)
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest[0] > now and len(self._known) <= MAX_REMEMBERED:
                break
            self._known.popitem(last=False)


def _id(request: SocketModeRequest) -> str:
    """Return an id that all repetitions of a delivery share. For a message it is the message's
    own id and its edit, since Slack may send one message in several events with different ids."""
    payload = request.payload
    event = mapping_in(payload, "event")
    said = mapping_in(event, "message") or event
    if event.get("type") in ("app_mention", "message") and (stamp := id_in(said, "ts")):
        edited = id_in(mapping_in(said, "edited"), "ts")
        return f"{event['type']} {id_in(event, 'channel')} {stamp} {edited}"
    return str(payload.get("event_id") or payload.get("trigger_id") or request.envelope_id)


def _not_taken(request: SocketModeRequest, text: str) -> AckPayload | None:
    """Return an answer for a command; a click or an event is left for Slack to deliver again."""
    return private(text) if request.type == "slash_commands" else None


def _body(response: BoltResponse) -> AckPayload:
    if not response.body:
        return {}
    body = json.loads(response.body)
    return body if isinstance(body, dict) else {}
