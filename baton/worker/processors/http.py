"""`http!URL` has a service do the jobs. The address is the configuration's own, and the only one
that is ever asked: no redirect is followed, and no address of a message.

A job is a POST of JSON. The service answers when it is done, or streams its output until it is, or
answers 202 with a Location that is asked until it is. docs/worker.md has the whole contract.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from baton.authorities import trusted
from baton.errors import Blocked, Failed, SettingsError
from baton.process.output_lines import Secrets
from baton.timing.waiting import wait_at_most
from baton.worker.processors.http_answers import (
    MAX_ANSWER,
    Stream,
    Streamed,
    progress_of,
    reason_of,
    result_of,
)
from baton.worker.processors.launching import LIMITS, refuse_unused, secrets_of
from baton.worker.processors.protocol import Output, Processor
from baton.worker.processors.requests import build_of
from baton.worker.settings import USED, RunnerSettings
from baton.worker.work import Result, Work

if TYPE_CHECKING:
    import httpx

CONNECT, ANSWER = 10.0, 30.0
"""Seconds to connect, and for each answer about a job that goes on; the job itself has the time
limit of its runner."""
FIRST_LOOK, LAST_LOOK = 1.0, 15.0
"""Seconds until a job that goes on is asked about: more each time, unless the service says."""
LEAST_WAIT, MOST_WAIT = 0.2, 60.0
"""Seconds that a service may say."""
MOST_MISSED = 5
"""Times in a row that no answer about a job is no reason yet to give it up."""
_ENDS_WITHIN = 5.0
_BLOCKED = (423, 429, 503)
_PASSING = (429, 502, 503, 504)


class HttpProcessor(Processor):
    """Has the service at `url` do each job."""

    def __init__(
        self,
        url: str,
        secrets: Secrets,
        token: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._secrets = secrets
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._transport = transport
        self._trusted: ssl.SSLContext | None = None

    @override
    async def run(self, work: Work, output: Output) -> Result:
        async with self._client() as client:
            headers = {
                "Accept": "application/json, text/event-stream, text/plain",
                "Idempotency-Key": f"{work.id}.{work.attempt}",
            }
            request = client.build_request(
                "POST", self._url, json=_body(work), headers=headers, timeout=_timeout(None)
            )
            async with _answered(client, request, started=False) as response:
                if response.status_code != 202:
                    return await self._answer(response, output)
                place = self._place(response)
                pause = _wait(response, FIRST_LOOK)
            try:
                return await self._looked(client, place, pause, output)
            except asyncio.CancelledError:
                await wait_at_most(_ENDS_WITHIN, _delete(client, place))
                raise

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        import httpx

        if self._trusted is None and self._url.startswith("https:"):
            self._trusted = await asyncio.to_thread(trusted)
        async with httpx.AsyncClient(
            # what comes is not decompressed either: it is as large as it is
            headers={"Accept-Encoding": "identity", **self._headers},
            # one that trusts nobody, where there is no TLS: to read whom to trust takes a while
            verify=self._trusted or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            follow_redirects=False,
            transport=self._transport,
        ) as client:
            yield client

    async def _looked(
        self, client: httpx.AsyncClient, place: str, pause: float, output: Output
    ) -> Result:
        """Ask at `place` until the job is done."""
        missed, said = 0, None
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK)
            request = client.build_request("GET", place, timeout=_timeout(None))
            try:
                async with _answered(client, request, started=True) as response:
                    if response.status_code in _PASSING:
                        pause = _wait(response, pause)
                        raise _BrokeOff(f"it answers {_status(response)}")
                    if response.status_code != 202:
                        return await self._done(response, output, looked=True)
                    pause = _wait(response, pause)
                    now = progress_of(await _whole(response, ANSWER))
                missed = 0
            except _BrokeOff as error:
                missed += 1
                if missed >= MOST_MISSED:
                    raise Failed(
                        f"the service says nothing of the job any more ({error}): whether it goes"
                        " on there is not known"
                    ) from None
                continue
            if now != said and (now.text or now.percent is not None):
                output.info(self._secrets.mask(now.text), percent=now.percent)
            said = now

    async def _answer(self, response: httpx.Response, output: Output) -> Result:
        """Return what the answer to the job itself says: there is no second one."""
        try:
            return await self._done(response, output, looked=False)
        except _BrokeOff as error:
            if not response.is_success:  # its status is known
                self._refuse(response, "", looked=False)
            raise Failed(
                f"the answer of the service broke off ({error}): whether it did the job is not"
                " known"
            ) from None

    async def _done(self, response: httpx.Response, output: Output, *, looked: bool) -> Result:
        """Return what an answer says that is the last one. Raises _BrokeOff if it is not whole."""
        limit = ANSWER if looked else None
        if not response.is_success:
            reason = "" if response.is_redirect else reason_of(await _whole(response, limit))
            self._refuse(response, reason, looked=looked)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/event-stream" or kind == "text/plain":
            stream = Stream(output, self._secrets, events=kind == "text/event-stream")
            return await self._streamed(response, stream)
        body = await _whole(response, limit)
        if response.status_code == 204 or not body.strip():
            return Result()
        return result_of(body, output, self._secrets)

    async def _streamed(self, response: httpx.Response, stream: Stream) -> Result:
        import httpx

        try:
            async for piece in response.aiter_raw():
                if (ended := stream.feed(piece)) is not None:
                    return _ended(ended)
        except httpx.HTTPError as error:
            stream.close()
            raise _BrokeOff(_why(error)) from None
        ended = stream.close()
        if ended.broke_off:
            raise _BrokeOff(ended.broke_off)
        return _ended(ended)

    def _refuse(self, response: httpx.Response, reason: str, *, looked: bool) -> NoReturn:
        status = response.status_code
        if response.is_redirect:
            to = response.headers.get("Location", "")[:200]
            raise Failed(
                f"the service answers {_status(response)}, to {self._secrets.mask(to)!r}: redirects"
                " are not followed. Write the address itself"
            )
        reason = self._secrets.mask(reason or _status(response))
        waits = status in _BLOCKED or (status == 409 and "Retry-After" in response.headers)
        if waits and not looked:
            raise Blocked(reason)
        raise Failed(f"the service answers {_status(response)}: {reason}")

    def _place(self, response: httpx.Response) -> str:
        """Return where a job that goes on is asked about. Raises Failed if it is another origin."""
        given: str = response.headers.get("Location", "")
        if not given:
            raise Failed("the service answers 202 without a Location: nobody can ask how it goes")
        try:
            place = urljoin(self._url, given)
            same = _origin(place) == _origin(self._url)
        except ValueError:
            place, same = "", False
        if not same:
            raise Failed(
                f"the service answers 202 with the Location {self._secrets.mask(given[:200])!r},"
                " which is another origin: only the address of the configuration is asked"
            )
        return place


class _BrokeOff(Exception):
    """There is no answer, or not the whole of one. What goes on can be asked about again."""


@asynccontextmanager
async def _answered(
    client: httpx.AsyncClient, request: httpx.Request, *, started: bool
) -> AsyncIterator[httpx.Response]:
    """Send `request`; yield the head of its answer. `started` says that the job is known to be
    under way: then no answer within ANSWER is `_BrokeOff`."""
    import httpx

    try:
        async with asyncio.timeout(ANSWER if started else None):
            response = await client.send(request, stream=True)
    except TimeoutError:
        raise _BrokeOff(f"no answer within {ANSWER:.0f} s") from None
    except httpx.HTTPError as error:
        if started:
            raise _BrokeOff(_why(error)) from None
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            raise Blocked(f"the service cannot be reached: {_why(error)}") from None
        raise Failed(
            f"the service gave no answer ({_why(error)}): whether it did the job is not known"
        ) from None
    try:
        yield response
    finally:
        await response.aclose()


async def _whole(response: httpx.Response, limit: float | None) -> bytes:
    """Return the body of an answer. Raises Failed if it is too large, and _BrokeOff if it breaks
    off or is not there within `limit` seconds."""
    import httpx

    body = b""
    try:
        async with asyncio.timeout(limit):
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise Failed(f"the answer of the service has more than {MAX_ANSWER:,} bytes")
    except TimeoutError:
        raise _BrokeOff(f"the answer takes longer than {limit:.0f} s") from None
    except httpx.HTTPError as error:
        raise _BrokeOff(_why(error)) from None
    return body


async def _delete(client: httpx.AsyncClient, place: str) -> None:
    """Have the service stop a job. Nothing depends on its answer."""
    import httpx

    try:
        await client.delete(place, timeout=_timeout(_ENDS_WITHIN))
    except httpx.HTTPError:
        return


def _body(work: Work) -> Mapping[str, object]:
    return {
        "id": work.id,
        "attempt": work.attempt,
        "queue": work.queue,
        "runner": work.runner,
        "arguments": dict(work.arguments),
        "build": build_of(work).plain(),
    }


def _ended(ended: Streamed) -> Result:
    if ended.blocked:
        raise Blocked(ended.blocked)
    if ended.failed:
        raise Failed(ended.failed)
    return ended.result


def _timeout(read: float | None) -> httpx.Timeout:
    import httpx

    return httpx.Timeout(read, connect=CONNECT, write=ANSWER, pool=CONNECT)


def _wait(response: httpx.Response, otherwise: float) -> float:
    """Return how long to wait, as the service says it, within limits."""
    said = response.headers.get("Retry-After", "")
    if not said.isascii() or not said.isdigit():
        return otherwise
    return min(max(float(said[:9]), LEAST_WAIT), MOST_WAIT)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port


def _status(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def factory(settings: RunnerSettings, arguments: str) -> Processor:
    """Return the processor of `http!URL`. Raises SettingsError if that is no address.

    The free setting `token` is sent as `Authorization: Bearer`.
    """
    names = (*LIMITS, "pass_env", "python", "thread", "artifacts")
    refuse_unused(settings, names, USED["http"][0])
    url = arguments.strip()
    must = "an address such as http!https://reports.example.com/jobs"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
        parts = urlsplit("")
    if not valid or "%" in (parts.hostname or "") or any(c.isspace() for c in url):
        problem = "it names no address" if "@" in url else f"{url[:200]!r} is no address"
        raise SettingsError(file="worker.toml", key="runner", problem=problem, must=must)
    if parts.fragment or parts.username is not None:
        problem = "the address holds a user, a password or a fragment"
        must = "an address without them; `token` in its settings is sent as a bearer token"
        raise SettingsError(file="worker.toml", key="runner", problem=problem, must=must)
    token = settings.settings.get("token", "")
    if not isinstance(token, str) or not token.isascii() or any(c.isspace() for c in token):
        raise SettingsError(
            file="worker.toml",
            key="settings.token",
            problem="it is no token",
            must="a text without spaces",
        )
    return HttpProcessor(url, secrets_of(settings), token)
