"""The socket that the bot listens on, and uvicorn on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from baton.errors import BatonError
from baton.timing.waiting import wait_at_most

log = structlog.get_logger(__name__)

HEAD_TIMEOUT = 10.0
"""Seconds in which the head of a request must arrive."""
KEEP_ALIVE = 330
"""Seconds for which a connection may be idle between two requests: longer than clients keep one
(Go's and with it Alertmanager's keep it for 5 min), or one may close it while the other sends."""
MAX_CONNECTIONS = 200
"""Connections at a time, those of streams not counted, which have a limit of their own. Beyond, the
one that has been idle for the longest is closed."""
STREAM = "baton.stream"
"""The key in a request's state that says that its answer is a stream, open for as long as its
client wants."""
DRAIN_TIMEOUT = 30.0
"""Seconds in which a client must take what was sent to it."""
MAX_HEAD = 16_384
"""Bytes of a request's head, at most."""
STOP_TIMEOUT = 3
"""Seconds to finish open requests before the server stops."""
STUCK_TIMEOUT = 1.0
"""Seconds after the end of all streams in which a client must take the rest of its own."""


class CannotListen(BatonError):
    """The web server cannot listen on {address}:{port}: {reason}. Choose another address or port
    ([web] in the settings, or BATON_WEB_ADDRESS and BATON_WEB_PORT), or set web.enabled = false."""

    permanent = True


class OneBodyLength:
    """Refuses a request that gives the length of its body in two ways, and closes the connection: a
    proxy in front of us may have used the other one, and take the rest for another request.

    RFC 9112, section 6.3
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        names = {name for name, _ in scope.get("headers", ())}
        if {b"content-length", b"transfer-encoding"} <= names:
            words = "Send Content-Length or Transfer-Encoding, not both."
            answer = JSONResponse({"error": words}, 400, headers={"Connection": "close"})
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class HeadTimeoutProtocol(H11Protocol):
    """uvicorn's protocol, with these additions: a head must arrive in time, and an answer be taken
    in time; an idle connection is closed when a new one needs its place; streams take the place of
    nobody else; there is no access log, as paths and queries hold tokens."""

    head_timeout = HEAD_TIMEOUT
    drain_timeout = DRAIN_TIMEOUT
    _over: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        # `access_log=False` would only silence its logger, until somebody wants to hear that one
        self.access_log = False
        self._since = self.loop.time()
        self._idle = self.conn.their_state

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) - self._streams() >= MAX_CONNECTIONS - 1:
            idle = [
                one
                for one in self.connections
                if isinstance(one, HeadTimeoutProtocol) and one._waiting()
            ]
            if idle:
                min(idle, key=lambda one: one._since).transport.close()
        super().connection_made(transport)
        self._mind()

    @override
    def data_received(self, data: bytes) -> None:
        self.limit_concurrency = MAX_CONNECTIONS + self._streams()
        super().data_received(data)
        self._mind()

    @override
    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()
        self._mind()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        self._unstuck()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.drain_timeout, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        self._unstuck()
        super().resume_writing()

    @property
    def streaming(self) -> bool:
        """Whether it is sending a stream."""
        return not self._waiting() and STREAM in self.scope["state"]

    @property
    def stuck(self) -> bool:
        """Whether its client does not take what was sent to it."""
        return self._stuck is not None

    def _streams(self) -> int:
        """Return how many connections are streams; while there are few of any kind it is 0."""
        if len(self.connections) < MAX_CONNECTIONS - 1:
            return 0
        return sum(
            isinstance(one, HeadTimeoutProtocol) and one.streaming for one in self.connections
        )

    def _unstuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _waiting(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _between(self) -> bool:
        """Return whether a request is complete, body included, and nothing of the next has come."""
        idle = self.conn.their_state is self._idle and not self.conn.trailing_data[0]
        return idle and self.cycle is not None

    def _mind(self) -> None:
        if not self._waiting() or self._between():
            self._calm()
        elif self._over is None:
            self._over = self.loop.call_later(self.head_timeout, self._close)

    def _calm(self) -> None:
        if self._over is not None:
            self._over.cancel()
            self._over = None

    def _close(self) -> None:
        self._over = None
        if self._waiting():
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which are the bot's, and without its ten checks a second
    whether it is to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not self.ending.is_set():
            await self.on_tick(0)
            await wait_at_most(1.0, self.ending.wait())


class WebServer:
    """A socket on which an app is served. `url` is its address. `stopping` is set when streams must
    end: uvicorn tells them nothing."""

    def __init__(self, listening: socket.socket) -> None:
        self.stopping = asyncio.Event()
        self._listening = listening
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        address, self.port = listening.getsockname()[:2]
        self.url = (
            f"http://[{address}]:{self.port}" if ":" in address else f"http://{address}:{self.port}"
        )

    @classmethod
    def listen(cls, address: str, port: int) -> WebServer:
        """Listen at once, so that nothing else starts if the port is taken; port 0 is any free
        port. Raises CannotListen."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            return cls(socket.create_server((address, port), family=family, backlog=128))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotListen(address=address, port=port, reason=reason) from error

    def serve(self, app: FastAPI, protocol: type[H11Protocol] = HeadTimeoutProtocol) -> None:
        """Answer requests with `app` from now on."""
        config = uvicorn.Config(
            OneBodyLength(app),
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            h11_max_incomplete_event_size=MAX_HEAD,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=STOP_TIMEOUT,
            workers=1,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(
            self._server.serve(sockets=[self._listening]), name="web"
        )
        self._serving.add_done_callback(_ended)
        log.info("web server started", url=self.url)

    @property
    def busy(self) -> int:
        """The number of open requests."""
        return len(self._server.server_state.tasks) if self._server is not None else 0

    def end_streams(self) -> None:
        """End all streams; their clients come back when the bot runs again. One that does not take
        the end is disconnected."""
        if not self.stopping.is_set():
            self.stopping.set()
            asyncio.get_running_loop().call_later(STUCK_TIMEOUT, self._disconnect_stuck)

    def _disconnect_stuck(self) -> None:
        open_ones = self._server.server_state.connections if self._server is not None else ()
        for one in list(open_ones):
            if isinstance(one, HeadTimeoutProtocol) and one.stuck:
                one.transport.abort()

    async def stop(self) -> None:
        """Accept no more requests, and finish the open ones. Raises the error that has ended the
        server before, if there was one."""
        self.end_streams()
        if self._server is not None and self._serving is not None:
            self._server.ending.set()
            await self._serving
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._listening.close()


def _ended(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and (error := serving.exception()) is not None:
        log.critical("the web server failed", exc_info=error)
