"""One request to the API of a console, and what its answer means. Only this and events.py use
HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import JsonValue

from baton.bus.messages import new_id
from baton.client.errors import (
    ClientError,
    Conflict,
    NotAllowed,
    NotDone,
    NotFound,
    NotSignedIn,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from baton.client.retries import Outage, Patience
from baton.client.settings import ClientSettings
from baton.errors import BatonError, UsageError
from baton.version import baton_version

API = "/api/v1"
CONNECT, ANSWER = 10.0, 30.0
"""Seconds within which a console accepts a connection, and begins or continues an answer."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer."""

_ERRORS: Mapping[int, type[ClientError]] = {
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    429: TooManyRequests,
}
_PASSING = (502, 503, 504)

Values = Mapping[str, object]


class Http:
    """The API of the console that `settings` name."""

    def __init__(
        self,
        settings: ClientSettings,
        patience: Patience,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = settings.url
        self.patience = patience
        headers = {"User-Agent": f"baton/{baton_version()}"}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        self._client = httpx.AsyncClient(
            base_url=f"{settings.url}{API}",
            headers=headers,
            timeout=httpx.Timeout(ANSWER, connect=CONNECT),
            transport=transport,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def get(self, path: str, values: Values | None = None) -> JsonValue:
        """Return the answer to GET. Values that are None or empty are left out."""
        given = {name: _text(value) for name, value in (values or {}).items() if _given(value)}
        return _parsed(await self._answer("GET", path, params=given), self.url)

    async def text(self, path: str, values: Values | None = None) -> str:
        """Return the answer to GET as the text that it is."""
        given = {name: _text(value) for name, value in (values or {}).items() if _given(value)}
        return (await self._answer("GET", path, params=given)).decode(errors="replace")

    async def post(self, path: str, body: JsonValue = None, *, key: str = "") -> JsonValue:
        """Return the answer to POST. It is sent again if no answer comes: its `key`, a new one if
        it is empty, makes that one request."""
        headers = {"Idempotency-Key": key or new_id()}
        known = "Whether it was accepted is not known: look at `baton jobs`."
        answer = await self._answer("POST", path, known, json=body, headers=headers)
        return _parsed(answer, self.url)

    @asynccontextmanager
    async def stream(
        self, path: str, values: Values, headers: Mapping[str, str], silence: float
    ) -> AsyncIterator[httpx.Response]:
        """Open an answer that goes on. `silence`: seconds without a byte after which it is dead.

        Raises httpx.TransportError, and what `error_of` returns.
        """
        given = {name: _text(value) for name, value in values.items() if _given(value)}
        timeout = httpx.Timeout(silence, connect=CONNECT)
        opened = self._client.stream(
            "GET", path, params=given, headers=dict(headers), timeout=timeout
        )
        async with opened as response:
            if not response.is_success:
                raise error_of(response, await _read(response, self.url), self.url)
            yield response

    async def _answer(self, method: str, path: str, known: str = "", **options: Any) -> bytes:
        outage = Outage(self.url, self.patience, self.patience.request, known)
        while True:
            try:
                async with self._client.stream(method, path, **options) as response:
                    body = await _read(response, self.url)
            except httpx.TransportError as error:
                if never_passes(error):
                    raise outage.given_up(reason_of(error)) from None
                await outage.wait(reason_of(error))
                continue
            if response.status_code not in (*_PASSING, 429):
                break
            await self._wait_or_raise(outage, response, body)
        outage.over()
        if response.is_success:
            return body
        raise error_of(response, body, self.url)

    async def _wait_or_raise(self, outage: Outage, response: httpx.Response, body: bytes) -> None:
        """Wait until a request may be sent again. If that is too late raise what the console said,
        or Unreachable if it was not the console that spoke, but a proxy before it."""
        error = error_of(response, body, self.url)
        reason = str(error.facts.get("reason", error)).rstrip(".")
        after = retry_after(response)
        try:
            if after > self.patience.request:
                raise outage.given_up(reason)
            await outage.wait(reason, after, busy=response.status_code == 429)
        except Unreachable:
            if _problem(response, body) is None:
                raise
            raise error from None


async def _read(response: httpx.Response, url: str) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise UnexpectedAnswer(url=url, reason=f"more than {MAX_ANSWER} bytes")
    return b"".join(parts)


def error_of(response: httpx.Response, body: bytes, url: str) -> BatonError:
    """Return the error that an answer other than success means."""
    status = response.status_code
    problem = _problem(response, body)
    if problem is None:
        if status in _PASSING:
            return Unavailable(url=url, reason=f"HTTP {status}")
        if status == 401:
            return NotSignedIn(url=url, reason="The console does not know you (HTTP 401).")
        if response.is_redirect:
            where = response.headers.get("location", "")[:200]
            return UnexpectedAnswer(url=url, reason=f"a redirect to {where}; use that address")
        return UnexpectedAnswer(url=url, reason=f"HTTP {status}, and no sign of a console there")
    detail = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
    if status == 401:
        return NotSignedIn(url=url, reason=detail)
    if status == 422:
        return UsageError(_with_fields(detail, problem), field=str(problem.get("field") or ""))
    if status in _ERRORS:
        return _ERRORS[status](url=url, reason=detail)
    return (Unavailable if status in _PASSING else NotDone)(url=url, reason=detail)


def _problem(response: httpx.Response, body: bytes) -> Mapping[str, Any] | None:
    """Return the problem (RFC 9457) in an answer; None if it holds none."""
    if "problem+json" not in response.headers.get("content-type", ""):
        return None
    try:
        problem = json.loads(body)
    except ValueError:
        return None
    return problem if isinstance(problem, dict) else None


def _with_fields(detail: str, problem: Mapping[str, Any]) -> str:
    """Return `detail`, and each error of a field that it does not name yet."""
    errors = problem.get("errors")
    named = [
        f"{each.get('field', '')}: {each.get('detail', '')}".removeprefix(": ")
        for each in (errors if isinstance(errors, list) else [])
        if isinstance(each, dict) and str(each.get("detail", "")) not in detail
    ]
    return "\n".join([detail, *named])


def reason_of(error: httpx.TransportError) -> str:
    """Return why a request did not get through, in a few words."""
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT:g} s"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error).rstrip(".") or type(error).__name__


def never_passes(error: httpx.TransportError) -> bool:
    """Whether trying again cannot help: a certificate that is not accepted."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, httpx.UnsupportedProtocol)


def retry_after(response: httpx.Response) -> float:
    """Return the seconds for which the console asks to wait."""
    said = response.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdecimal() else 0.0


def _parsed(body: bytes, url: str) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(body)
    except ValueError:
        raise UnexpectedAnswer(url=url, reason="no JSON") from None
    return parsed


def _given(value: object) -> bool:
    return value is not None and value != ""


def _text(value: object) -> str:
    return str(value)
