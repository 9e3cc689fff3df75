"""The routes for what others send: who may send, how much, in which format. It is handed to the
sink of alerts."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.requests import ClientDisconnect

from baton.errors import BatonError
from baton.text.charsets import charset_of, decoded
from baton.text.printable import printable
from bot.ingest.alertmanager import parse_alerts
from bot.ingest.cloudevents import parse_request
from bot.ingest.errors import BadInput, Rejected
from bot.ingest.github import is_signed, parse_delivery
from bot.ingest.model import AlertSink, CheckInPing, Phase, Received, parse_phase
from bot.ingest.payload import MAX_BODY, Batch, decompress, parse_json
from bot.ingest.rejections import UNKNOWN_SENDER, Rejections
from bot.ratelimit import TokenBucket
from bot.web.errors import (
    BadSignature,
    ContentTooLarge,
    RequestTimeout,
    ServiceUnavailable,
    Unauthorized,
    UnknownCheckIn,
)
from bot.web.tokens import RateLimit, TokenAuth

log = structlog.get_logger(__name__)

T = TypeVar("T")

CHECKINS = RateLimit(rate=1.0, burst=20.0)
"""How often a check-in may ping: work that starts and ends at once sends two."""
PUSHES = RateLimit(rate=50.0, burst=1000.0)
"""How often a sender may push: Alertmanager sends each group by itself, in a storm all of them at
once, and never sends again what was answered with 429."""
BODY_TIMEOUT = 10.0
"""Seconds in which the whole body must arrive."""
MAX_TEXT = 10_000
"""Bytes of a check-in's body that are stored: its end, where the error stands."""
MAX_DRAINED = 20_000_000
"""Bytes of a check-in's body that are read at most."""
MAX_UNSIGNED = 10
"""Bodies that are read at a time before their signature proves whose they are."""
INLINE_LIMIT = 50_000
"""Bytes of a body that are parsed on the event loop; a larger one is parsed in a thread, so that
other requests are answered meanwhile."""
BATCH_SIZE = 500
"""Alerts of a body that are stored at a time: other requests are answered in between."""
MAX_REASONS = 10
"""Rejections that an answer lists."""


class IngestRoutes:
    """Hands what comes in to `sink`, and what is rejected to `rejections`."""

    def __init__(
        self,
        sink: AlertSink,
        rejections: Rejections | None = None,
        *,
        checkins: RateLimit = CHECKINS,
        pushes: RateLimit = PUSHES,
        body_within: float = BODY_TIMEOUT,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rejections = rejections or Rejections(clock=clock, monotonic=monotonic)
        self._sink = sink
        self._checkins = TokenAuth(checkins)
        self._senders = TokenAuth(pushes)
        self._body_within = body_within
        self._clock = clock
        self._monotonic = monotonic
        self._unsigned = asyncio.Semaphore(MAX_UNSIGNED)
        # requests with wrong tokens must not fill the log
        self._unknown_token_log = TokenBucket.full(0.1, 5.0, monotonic())

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to `app`, each with a slash at its end too."""
        # The second path is where Prometheus sends to if we are configured as its Alertmanager.
        for paths, endpoint, methods in (
            (
                ("/checkin/{token}", "/checkin/{token}/{phase}"),
                self.receive_check_in,
                ["GET", "HEAD", "POST"],
            ),
            (("/alerts", "/api/v2/alerts"), self.receive_alerts, ["POST", "PUT"]),
            (("/events",), self.receive_events, ["POST"]),
            (("/github/{sender}",), self.receive_github, ["POST"]),
        ):
            for path in paths:
                app.add_api_route(path, endpoint, methods=methods)
                app.add_api_route(f"{path}/", endpoint, methods=methods)

    async def receive_check_in(self, request: Request) -> Response:
        """Take a ping of a check-in: it counts, whatever its body."""
        token = request.path_params["token"]
        name = self._checkins.owner(token, self._sink.tokens.checkins, self._monotonic())
        if name is None:
            self._unknown_token(request)
            raise UnknownCheckIn()
        with self._counting_rejections(f"checkin/{name}"):
            self._checkins.admit(name, self._monotonic())
            phase = _phase(request)
            text = await self._end_of_body(request) or request.query_params.get("msg", "")
            said = printable(text[-MAX_TEXT:], lines=True).strip()
            await self._store([CheckInPing(name, phase, self._clock(), said)])
        return PlainTextResponse("OK\n")

    async def receive_alerts(self, request: Request) -> Response:
        """Take alerts, as Alertmanager, Grafana and others send them."""
        sender = self._sender(request)
        with self._counting_rejections(sender):
            self._senders.admit(sender, self._monotonic())
            body = await self._body(request)
            batch = await _parse(
                body, partial(parse_alerts, body, sender=sender, now=self._clock())
            )
            await self._store(batch.accepted)
        return self._answer(sender, batch)

    async def receive_events(self, request: Request) -> Response:
        """Take CloudEvents."""
        sender = self._sender(request)
        with self._counting_rejections(sender):
            self._senders.admit(sender, self._monotonic())
            headers = {name.lower(): value for name, value in request.headers.items()}
            body = await self._body(request)
            batch = await _parse(body, partial(parse_request, headers, body, sender=sender))
            await self._store(batch.accepted)
        return self._answer(sender, batch)

    async def receive_github(self, request: Request) -> Response:
        """Take a webhook of GitHub, which signs with the token of the sender that the path
        names."""
        sender = request.path_params["sender"]
        token = self._sink.tokens.senders.get(sender, "")
        if not token or "x-hub-signature-256" not in request.headers:
            self._unknown_token(request)
            raise BadSignature()
        if self._unsigned.locked():
            raise ServiceUnavailable()
        async with self._unsigned:
            body = await self._body(request)
        if not is_signed(body, token, request.headers["x-hub-signature-256"]):
            self._unknown_token(request)
            raise BadSignature()
        with self._counting_rejections(sender):
            self._senders.owner(token, self._sink.tokens.senders, self._monotonic())
            self._senders.admit(sender, self._monotonic())
            event = request.headers.get("x-github-event", "")
            given = await _parse(body, partial(parse_json, body))
            found = Batch(parse_delivery(event, given, sender=sender, now=self._clock()))
            await self._store(found.accepted)
        return self._answer(sender, found)

    async def _store(self, received: Sequence[Received]) -> None:
        """Return once all of it is stored. Raises ServiceUnavailable, and BadInput."""
        try:
            for begin in range(0, len(received), BATCH_SIZE):
                some = self._sink.observations(received[begin : begin + BATCH_SIZE])
                await self._sink.store(some)
        except Rejected:
            raise
        except BatonError as error:
            log.warning("alerts not stored", reason=str(error))
            raise ServiceUnavailable() from error

    def _answer(self, sender: str, batch: Batch[T]) -> Response:
        """Answer what was accepted and what was rejected: with an error only if nothing was
        accepted."""
        self.rejections.add(sender, batch.rejected)
        content: dict[str, object] = {"taken": len(batch.accepted)}
        if not batch.rejected:
            return JSONResponse(content)
        content["refused"] = len(batch.rejected)
        content["reasons"] = [
            {"field": one.field, "error": printable(str(one))}
            for one in batch.rejected[:MAX_REASONS]
        ]
        if batch.accepted:
            return JSONResponse(content)
        first = batch.rejected[0]
        content |= {"error": printable(str(first)), "field": first.field}
        return JSONResponse(content, 400)

    def _sender(self, request: Request) -> str:
        senders = self._sink.tokens.senders
        sender = self._senders.owner(_token(request), senders, self._monotonic())
        if sender is None:
            self._unknown_token(request)
            raise Unauthorized()
        return sender

    @contextmanager
    def _counting_rejections(self, sender: str) -> Iterator[None]:
        """Count what is rejected within as the sender's."""
        try:
            yield
        except ServiceUnavailable as refusal:  # the sender is told to send it again
            self.rejections.count(sender, refusal)
            raise
        except Rejected as refusal:
            self.rejections.add(sender, [refusal])
            raise

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self._body_within):
                body = await _whole(request)
        except TimeoutError:
            raise RequestTimeout(seconds=f"{self._body_within:g}") from None
        return decompress(body, request.headers.get("content-encoding", ""))

    async def _end_of_body(self, request: Request) -> str:
        """Return the end of the body, as far as it arrives in time; the rest is dropped."""
        encoding = request.headers.get("content-encoding", "")
        # of a compressed body the end alone is of no use
        most = MAX_BODY if encoding else MAX_TEXT
        end = bytearray()
        came = 0
        try:
            async with asyncio.timeout(self._body_within):
                async for piece in request.stream():
                    came += len(piece)
                    end += piece[-most:]
                    del end[:-most]
                    if came > MAX_DRAINED:
                        break
        except (TimeoutError, ClientDisconnect):
            log.info("the body of a check-in is incomplete", received=came)
        try:
            body = decompress(bytes(end), encoding)
        except BadInput:
            return f"{came} bytes that cannot be read (content-encoding: {encoding[:40]})"
        charset = charset_of(request.headers.get("content-type", ""))
        return decoded(body[-MAX_TEXT:], charset)

    def _unknown_token(self, request: Request) -> None:
        self.rejections.count(UNKNOWN_SENDER, Unauthorized())
        now = self._monotonic()
        if self._unknown_token_log.wait(now) <= 0:
            self._unknown_token_log.take(now)
            client = request.client.host if request.client else "unknown"
            route = "/" + request.url.path.lstrip("/").partition("/")[0]
            log.warning("unknown token", client=client, route=printable(route))


def _token(request: Request) -> str:
    """Return the token in `Authorization: Bearer TOKEN`, in `?token=TOKEN`, or the password of
    Basic."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if query := request.query_params.get("token", ""):
        return query.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user_and_password = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return user_and_password.partition(":")[2]


async def _whole(request: Request) -> bytes:
    """Return the body. No more than MAX_BODY is read: the limit of the framework answers without a
    reason. uvicorn drops what still arrives."""
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        raise ContentTooLarge(most=MAX_BODY)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise ContentTooLarge(most=MAX_BODY)
    return bytes(body)


def _phase(request: Request) -> Phase:
    """Return the phase that the path or `?status=` names."""
    field = "phase" if "phase" in request.path_params else "status"
    word = request.path_params.get("phase") or request.query_params.get("status") or Phase.DONE
    return parse_phase(word, field)


async def _parse(body: bytes, read: Callable[[], T]) -> T:
    """Return what `read` makes of `body`."""
    return await asyncio.to_thread(read) if len(body) > INLINE_LIMIT else read()
