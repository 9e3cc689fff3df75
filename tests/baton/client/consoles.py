"""Consoles that answer as they are told, in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx
import respx
from typing_extensions import override

from baton.client import Client, ClientSettings, Patience

URL = "https://baton.example.com"

Answer = httpx.Response | Exception


class Script:
    """Answers each request with the next of `answers`; the last one is repeated. `requests` are
    those that came; `before` is called when one comes."""

    def __init__(self, *answers: Answer, before: Callable[[], None] = lambda: None) -> None:
        self.answers = list(answers)
        self._before = before
        self._router = respx.MockRouter()
        self._router.route().mock(side_effect=self._answer)
        self.transport = httpx.MockTransport(self._router.async_handler)

    @property
    def requests(self) -> list[httpx.Request]:
        return [call.request for call in self._router.calls]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._before()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Waits:
    """Time that passes only when somebody waits. `notices` are what they were told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []
        self.notices: list[str] = []

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def patience(self, **changes: Any) -> Patience:
        return Patience(
            **{"sleep": self.sleep, "clock": lambda: self.now, "notice": self.notices.append}
            | changes
        )


def client(script: Script, waits: Waits | None = None, token: str = "t0ken") -> Client:
    patience = (waits or Waits()).patience()
    return Client(ClientSettings(URL, token), patience=patience, transport=script.transport)


def problem(status: int, detail: str = "No.", **more: Any) -> httpx.Response:
    headers = {"content-type": "application/problem+json"}
    if "seconds" in more:
        headers["retry-after"] = str(more.pop("seconds"))
    content = json.dumps({"title": "Title", "status": status, "detail": detail, **more})
    return httpx.Response(status, content=content, headers=headers)


class Pieces(httpx.AsyncByteStream):
    """A body in `pieces`; an exception among them is raised there."""

    def __init__(self, pieces: Iterable[str | Exception]) -> None:
        self._pieces = pieces

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece.encode()


def events(*pieces: str | Exception) -> httpx.Response:
    return stream(pieces)


def stream(pieces: Iterable[str | Exception]) -> httpx.Response:
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx.Response(200, headers=headers, stream=Pieces(pieces))


def news(
    revision: int, *lines: str, part: int = 0, kind: str = "news", first: int | None = None
) -> str:
    first = first or revision * 10 + part
    frame = {
        "revision": revision,
        "job": {"id": "job1", "title": "deploy shop prod", "revision": revision},
        "runs": [],
        "lines": [
            {"host": "web-1", "attempt": 1, "line": number, "text": text}
            for number, text in enumerate(lines, first)
        ],
    }
    id = f"{revision}.{part}" if part else str(revision)
    return f"event: {kind}\nid: {id}\ndata: {json.dumps(frame)}\n\n"


END = "event: end\ndata: {}\n\n"
