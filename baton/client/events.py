"""Watches one job: the frames of its stream of server-sent events, over as many connections as it
takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic import ValidationError

from baton.client.errors import TooManyRequests, Unavailable, UnexpectedAnswer
from baton.client.http import Http, never_passes, reason_of
from baton.client.models import Frame
from baton.client.retries import Outage

SILENCE = 60.0
"""Seconds without a byte after which a connection is dead. The console sends a ping every 15 s."""


async def frames(http: Http, job: str, after: int) -> AsyncGenerator[Frame]:
    """Yield what is new of `job` since its revision `after`, each thing once, until it has ended.

    A connection that breaks is opened again where it broke. Raises Unreachable if that fails for
    too long, and at once what a console says that will not change, such as NotFound.
    """
    known = f"Job {job} goes on without us: look at it with `baton log {job} -f`."
    outage = Outage(http.url, http.patience, http.patience.watch, known)
    stream = _Stream(http, job, after)
    while True:
        reason = "the connection was closed"
        try:
            async for frame in stream.connect():
                outage.over()
                yield frame
        except SSEError:
            raise UnexpectedAnswer(url=http.url, reason="no stream of events") from None
        except httpx.TransportError as error:
            reason = reason_of(error)
            if never_passes(error):
                raise outage.given_up(reason) from None
        except (Unavailable, TooManyRequests) as error:
            reason = str(error.facts["reason"]).rstrip(".")
        if stream.ended:
            return
        if stream.up_for() > http.patience.longest:
            outage.over()
        await outage.wait(reason, stream.retry)


class _Stream:
    """The place in a job's stream that is reached."""

    def __init__(self, http: Http, job: str, after: int) -> None:
        self._http = http
        self._job = job
        self._after = after
        self.last = ""
        self.retry = 0.0
        self.ended = False
        self._opened: float | None = None

    def up_for(self) -> float:
        """Return the seconds since the last connection was accepted; 0 if it was not."""
        return 0.0 if self._opened is None else self._http.patience.clock() - self._opened

    async def connect(self) -> AsyncGenerator[Frame]:
        """Yield the frames of one connection, from where the one before ended."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.last:
            headers["Last-Event-ID"] = self.last
        path, values = f"/jobs/{self._job}/events", {"after": self._after}
        self._opened = None
        async with self._http.stream(path, values, headers, SILENCE) as response:
            self._opened = self._http.patience.clock()
            events = EventSource(response).aiter_sse()
            try:
                async for event in events:
                    frame = self._take(event)
                    if frame is not None:
                        yield frame
                    if self.ended:
                        return
            finally:
                await events.aclose()

    def _take(self, event: ServerSentEvent) -> Frame | None:
        if event.retry is not None:
            self.retry = min(event.retry / 1000, self._http.patience.longest)
        if event.event == "end":
            self.ended = True
        if event.event not in ("news", "resync") or not event.data:
            return None
        try:
            frame = Frame.model_validate_json(event.data)
        except ValidationError as error:
            reason = f"an event that is no frame ({error.error_count()} errors)"
            raise UnexpectedAnswer(url=self._http.url, reason=reason) from None
        self.last = event.id or self.last
        return frame
