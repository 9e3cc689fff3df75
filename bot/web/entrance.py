"""What comes in: who may, how much, and in which form; then it is handed to the intake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from baton.errors import BatonError
from bot.posts import Bucket
from bot.web.alertmanager import pushed
from bot.web.door import Door, Pace
from bot.web.events import events
from bot.web.intake import CheckIn, Intake, Phase, phase_of
from bot.web.refusals import NoKey, NoSuchCheckIn, NotNow, Refusal, TooLarge, TooSlow

log = structlog.get_logger(__name__)

CHECKINS = Pace(rate=1.0, burst=20.0)
"""How often a check-in may be made: work that starts and ends at once makes two."""
PUSHES = Pace(rate=20.0, burst=200.0)
"""How often a sender may push: Alertmanager sends each of its groups by itself."""
LARGEST = 1_000_000
"""Bytes of a body, at most."""
BODY_WITHIN = 10.0
"""Seconds in which the whole body must come."""
MOST_TEXT = 10_000
"""Bytes of a check-in's body that are kept: its end, where the error stands."""


class Entrance:
    """Hands what comes in to `intake`."""

    def __init__(
        self,
        intake: Intake,
        *,
        checkins: Pace = CHECKINS,
        pushes: Pace = PUSHES,
        body_within: float = BODY_WITHIN,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._intake = intake
        self._checkins = Door(checkins)
        self._senders = Door(pushes)
        self._body_within = body_within
        self._clock = clock
        self._monotonic = monotonic
        # whoever knocks with wrong tokens must not fill the log
        self._knocks = Bucket.full(0.1, 5.0, monotonic())

    def open(self, app: FastAPI) -> None:
        """Add the routes to `app`."""
        for path in ("/checkin/{token}", "/checkin/{token}/{phase}"):
            app.add_api_route(path, self.check_in, methods=["GET", "HEAD", "POST"])
        # The second is where Prometheus sends to if it is told that we are an Alertmanager.
        for path in ("/alerts", "/api/v2/alerts"):
            app.add_api_route(path, self.push, methods=["POST"])
        app.add_api_route("/events", self.tell, methods=["POST"])

    async def check_in(self, request: Request) -> Response:
        """A sign of life."""
        token = request.path_params["token"]
        name = self._checkins.opened_by(token, self._intake.keys.checkins, self._monotonic())
        if name is None:
            self._knocked(request)
            raise NoSuchCheckIn()
        phase = _phase(request)
        body = await self._body(request)
        text = body[-MOST_TEXT:].decode(errors="replace").strip()
        await _taken(self._intake.checked_in(CheckIn(name, phase, self._clock(), text)))
        return PlainTextResponse("OK\n")

    async def push(self, request: Request) -> Response:
        """Alerts, as Alertmanager sends or takes them."""
        sender = self._sender(request)
        alerts = pushed(await self._body(request), sender=sender, now=self._clock())
        await _taken(self._intake.pushed(alerts))
        return JSONResponse({"taken": len(alerts)})

    async def tell(self, request: Request) -> Response:
        """CloudEvents."""
        sender = self._sender(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        found = events(headers, await self._body(request), sender=sender)
        await _taken(self._intake.happened(found))
        return JSONResponse({"taken": len(found)})

    def _sender(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.query_params.get("token", "")
        keys = self._intake.keys
        sender = self._senders.opened_by(token.strip(), keys.senders, self._monotonic())
        if sender is None:
            self._knocked(request)
            raise NoKey()
        return sender

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self._body_within):
                return await _whole(request)
        except TimeoutError:
            raise TooSlow(seconds=f"{self._body_within:g}") from None

    def _knocked(self, request: Request) -> None:
        now = self._monotonic()
        if self._knocks.wait(now) <= 0:
            self._knocks.take(now)
            client = request.client.host if request.client else "unknown"
            route = "/" + request.url.path.lstrip("/").partition("/")[0]
            log.warning("a token that is not known", client=client, route=route)


async def _whole(request: Request) -> bytes:
    """The body, of which no more is read than may be: the framework's own limit answers without
    words. uvicorn throws away what still comes."""
    if int(request.headers.get("content-length", 0)) > LARGEST:
        raise TooLarge(most=LARGEST)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise TooLarge(most=LARGEST)
    return bytes(body)


def _phase(request: Request) -> Phase:
    """What the path says, or `?status=`."""
    field = "phase" if "phase" in request.path_params else "status"
    word = request.path_params.get("phase") or request.query_params.get("status") or Phase.DONE
    return phase_of(word, field)


async def _taken(taking: Awaitable[None]) -> None:
    """Wait until it is kept. Raises Refusal."""
    try:
        await taking
    except Refusal:
        raise
    except BatonError as error:
        log.warning("not taken", reason=str(error))
        raise NotNow() from error
