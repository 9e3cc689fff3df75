"""Watches one job: the frames of its stream of server-sent events, over as many connections as it
takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic import BaseModel, JsonValue, ValidationError

from baton.client.errors import TooManyRequests, Unavailable, UnexpectedAnswer, Unreachable
from baton.client.http import Http, never_passes, reason_of
from baton.client.models import Frame, Job, LoggedLine
from baton.client.retries import Outage

SILENCE = 60.0
"""Seconds without a byte after which a connection is dead. The console sends a ping every 15 s."""
NOTHING_MORE = 204
"""The status of a stream whose job has ended, to whoever has all of it."""
PAGE = 1000
"""Lines that are read at a time where the stream has a hole."""

M = TypeVar("M", bound=BaseModel)


async def frames(http: Http, job: str, after: str) -> AsyncGenerator[Frame]:
    """Yield what is new of `job` since its revision `after`, each thing once, until it has ended.

    A connection that breaks is opened again where it broke. Raises Unreachable if that fails for
    too long, and at once what a console says that will not change, such as NotFound.
    """
    known = f"Job {job} goes on without us: look at it with `baton log {job} -f`."
    outage = Outage(http.url, http.patience, http.patience.watch, known)
    stream = _Stream(http, job, after)
    while True:
        reason, busy = "the connection was closed", False
        try:
            async with aclosing(stream.connect()) as connection:
                async for frame in connection:
                    outage.over()
                    yield frame
        except SSEError:
            raise UnexpectedAnswer(url=http.url, reason="no stream of events") from None
        except httpx.TransportError as error:
            reason = reason_of(error)
            if never_passes(error):
                raise outage.given_up(reason) from None
        except (Unavailable, Unreachable, TooManyRequests) as error:
            reason = str(error.facts["reason"]).rstrip(".")
            busy = isinstance(error, TooManyRequests)
        if stream.ended:
            return
        if stream.up_for() > http.patience.longest:
            outage.over()
        await outage.wait(reason, stream.retry, busy=busy)


class _Stream:
    """The place in a job's stream that is reached, and the last line that came of each run."""

    def __init__(self, http: Http, job: str, after: str) -> None:
        self._http = http
        self._job = job
        self._after = after
        self._lines: dict[tuple[str, int], int] = {}
        self._opened: float | None = None
        self._last = ""
        self.retry = 0.0
        self.ended = False

    def up_for(self) -> float:
        """Return the seconds since the last connection was accepted; 0 if it was not."""
        return 0.0 if self._opened is None else self._http.patience.clock() - self._opened

    async def connect(self) -> AsyncGenerator[Frame]:
        """Yield the frames of one connection, from where the one before ended."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last:
            headers["Last-Event-ID"] = self._last
        path, values = f"/jobs/{self._job}/events", {"after": self._after}
        self._opened = None
        async with self._http.stream(path, values, headers, SILENCE) as response:
            self._opened = self._http.patience.clock()
            if response.status_code == NOTHING_MORE:
                self.ended = True
                return
            async with aclosing(EventSource(response).aiter_sse()) as events:
                async for event in events:
                    if event.event == "resync":
                        async with aclosing(self._read_again()) as missed:
                            async for frame in missed:
                                yield frame
                    if (taken := self._take(event)) is not None:
                        yield taken
                    if self.ended:
                        return

    def _take(self, event: ServerSentEvent) -> Frame | None:
        if event.retry is not None:
            self.retry = min(event.retry / 1000, self._http.patience.longest)
        if event.event == "end":
            self.ended = True
        if event.event not in ("news", "resync"):
            return None
        frame = self._frame(event.data)
        self._last = event.id or self._last
        return frame

    async def _read_again(self) -> AsyncGenerator[Frame]:
        """Yield the lines that have not come: the stream does not know which these are."""
        job = self._parsed(Job, await self._http.get(f"/jobs/{self._job}"))
        for run in job.runs:
            while True:
                first = self._lines.get((run.host, run.attempt), 0) + 1
                values = {"host": run.host, "attempt": run.attempt, "first": first, "count": PAGE}
                page = await self._http.get(f"/jobs/{self._job}/log", values)
                frame = self._new(self._parsed(Frame, page))
                if not frame.lines:
                    break
                yield frame

    def _frame(self, data: str) -> Frame:
        try:
            return self._new(Frame.model_validate_json(data))
        except ValidationError as error:
            raise self._unexpected(error) from None

    def _parsed(self, model: type[M], found: JsonValue) -> M:
        try:
            return model.model_validate(found)
        except ValidationError as error:
            raise self._unexpected(error) from None

    def _unexpected(self, error: ValidationError) -> UnexpectedAnswer:
        reason = f"news that cannot be read ({error.error_count()} errors)"
        return UnexpectedAnswer(url=self._http.url, reason=reason)

    def _new(self, frame: Frame) -> Frame:
        """Return `frame` without lines that have come before."""
        lines = tuple(line for line in frame.lines if self._first_time(line))
        return (
            frame if len(lines) == len(frame.lines) else frame.model_copy(update={"lines": lines})
        )

    def _first_time(self, line: LoggedLine) -> bool:
        run = (line.host, line.attempt)
        new = line.line > self._lines.get(run, 0)
        if new:
            self._lines[run] = line.line
        return new
