"""Faults to inject: what a network and a busy Slack do to a call.

slack.faults.add("chat.postMessage", RateLimited(0.3), times=2)
slack.faults.add("chat.postMessage", LostResponse(), after=1, when=lambda args: ...)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from baton_slack_testing.args import Args

Work = Callable[[], web.Response]


class Fault(Protocol):
    """Stands between a call and its work; may do without either the work or the answer."""

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Answer the request."""
        ...


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429 with Retry-After, in seconds (Slack's own are whole); the work is not done."""

    retry_after: float = 1.0

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Answer 429 without doing the work."""
        headers = {"Retry-After": f"{self.retry_after:g}"}
        body = {"ok": False, "error": "ratelimited"}
        return web.json_response(body, status=429, headers=headers)


@dataclass(frozen=True, slots=True)
class Fails:
    """An error in Slack's own words, such as `internal_error`; the work is not done."""

    error: str

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Answer with the error without doing the work."""
        return web.json_response({"ok": False, "error": self.error})


@dataclass(frozen=True, slots=True)
class ServerError:
    """A 5xx with no JSON in it; the work is not done."""

    status: int = 503

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Answer with a page of a proxy without doing the work."""
        page = "<html>upstream connect error</html>"
        return web.Response(status=self.status, text=page, content_type="text/html")


@dataclass(frozen=True, slots=True)
class LostResponse:
    """The work is done, and the connection breaks before the answer."""

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Do the work, and break the connection."""
        answer = work()
        abort(request)
        return answer


@dataclass(frozen=True, slots=True)
class LostRequest:
    """The connection breaks before any work."""

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Break the connection."""
        abort(request)
        return web.Response()


@dataclass(frozen=True, slots=True)
class Slow:
    """The work is done at once; the answer comes `seconds` later."""

    seconds: float

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Do the work, and answer late."""
        answer = work()
        await asyncio.sleep(self.seconds)
        return answer


@dataclass(frozen=True, slots=True)
class Hang:
    """No work and no answer, for as long as the caller waits."""

    async def around(self, request: web.BaseRequest, work: Work) -> web.Response:
        """Wait for as long as the caller does."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable: the future is never set")


def abort(request: web.BaseRequest) -> None:
    """Reset the TCP connection that a request came on."""
    if request.transport is not None:
        request.transport.abort()


@dataclass(slots=True, eq=False)
class Planned:
    """A fault that waits for its calls; `hits` counts those it met."""

    method: str
    fault: Fault
    times: int | None
    after: int
    when: Callable[[Args], bool]
    hits: int = 0

    def meets(self, method: str, args: Args) -> bool:
        """Whether this call is one of its own; counts it."""
        if self.method not in (method, "*") or not self.when(args):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.hits += 1
        return True


class Faults:
    """The faults to come. Methods are named as in the Web API, and `upload` and `response_url`."""

    def __init__(self) -> None:
        self._planned: list[Planned] = []

    def add(
        self,
        method: str,
        fault: Fault,
        *,
        times: int | None = 1,
        after: int = 0,
        when: Callable[[Args], bool] = lambda args: True,
    ) -> Planned:
        """Meet the next `times` calls (None: all) of `method` ("*": any) past `after` good ones."""
        planned = Planned(method, fault, times, after, when)
        self._planned.append(planned)
        return planned

    def clear(self) -> None:
        """No more faults."""
        self._planned.clear()

    def take(self, method: str, args: Args) -> Fault | None:
        """The fault that this call meets, if any; the oldest first."""
        for planned in self._planned:
            if planned.meets(method, args):
                return planned.fault
        return None
