"""Streams on real sockets, over the databases of one bot or two, and who watches."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from baton.bus.messages import State, now
from bot.jobs import NewJob
from bot.store import Store
from bot.store.jobs.news import BEGINNING, Position
from bot.web.console.feed.event_stream import EventStream
from bot.web.console.feed.feeds import Feeds
from bot.web.console.feed.frame import Rendering
from bot.web.server import HeadTimeoutProtocol, WebServer
from tests.bot.store.build import update
from tests.bot.store.conftest import url as url
from tests.support.wait import until

Key = tuple[str, int, int]


@dataclass
class Site:
    """A bot that streams jobs, and nothing else. `may_read` says whether people still may."""

    store: Store
    web: WebServer
    feeds: Feeds
    may_read: bool = True

    @property
    def address(self) -> str:
        return f"{self.web.url}/events"


OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(url: str) -> AsyncIterator[OpenSite]:
    """Opens sites, each with a store of its own in the same database."""
    async with AsyncExitStack() as stack:

        async def opened(port: int = 0, drain_timeout: float = 30.0, **limits: Any) -> Site:
            store = await Store.open(url)
            stack.push_async_callback(store.close)
            web = WebServer.listen("127.0.0.1", port)
            site = Site(store, web, Feeds(store.ledger, web.stopping, now, **limits))
            kind = type("Protocol", (HeadTimeoutProtocol,), {"drain_timeout": drain_timeout})
            web.serve(_app(site), kind)
            stack.push_async_callback(web.stop)
            return site

        yield opened


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    return await open_site()


def _app(site: Site) -> FastAPI:
    app = FastAPI()

    async def may_read() -> bool:
        return site.may_read

    @app.get("/events/{job}")
    async def events(request: Request, job: str, kind: str = "api", who: str = "ann") -> Response:
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        begin = Position.parse(after) if after else BEGINNING
        return EventStream(site.feeds, job, begin, Rendering(kind), who, may_read)

    @app.get("/healthz")
    async def health() -> Response:
        return Response("well")

    return app


@dataclass
class Watcher:
    """A client that assembles what it is sent, over as many connections as it takes. Each line must
    come once."""

    job: str
    last: str = ""
    lines: dict[Key, Any] = field(default_factory=dict)
    runs: dict[tuple[str, int], str] = field(default_factory=dict)
    revision: int = 0
    closed: str | None = None
    resyncs: int = 0
    ends: int = 0
    ids: list[str] = field(default_factory=list)

    async def watch(
        self, site: Site, *, cut: int | None = None, most_ends: int = 1, **values: str
    ) -> None:
        """Watch on `site` until the job has ended so often, the connection has, or for `cut`
        bytes."""
        headers = {"Last-Event-ID": self.last} if self.last else {}
        timeout = httpx.Timeout(60)
        async with (
            httpx.AsyncClient(trust_env=False, verify=False, timeout=timeout) as client,
            client.stream(
                "GET", f"{site.address}/{self.job}", headers=headers, params=values
            ) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            ends = self.ends
            async with aclosing(_events(answer, cut)) as events:
                async for event in events:
                    self._take(event)
                    if self.ends >= ends + most_ends:
                        return

    def _take(self, event: dict[str, str]) -> None:
        data = json.loads(event["data"])
        if event["event"] == "end":
            self.ends += 1
            return
        self.last = event["id"]
        self.ids.append(self.last)
        self.resyncs += event["event"] == "resync"
        self.revision, self.closed = data["revision"], data["job"]["closed"]
        for run in data["runs"]:
            self.runs[run["host"], run["attempt"]] = run["state"]
        for line in data["lines"]:
            key = (line["host"], line["attempt"], line["line"])
            assert key not in self.lines, f"twice: {key}"
            self.lines[key] = line.get("text", line.get("spans"))

    @property
    def digest(self) -> str:
        """The digest of all lines, in their order."""
        return digest(self.lines)


async def _events(answer: httpx.Response, cut: int | None) -> AsyncGenerator[dict[str, str]]:
    """Yield the events that arrive whole in the first `cut` bytes."""
    rest, seen = b"", 0
    try:
        async for some in answer.aiter_raw():
            left = len(some) if cut is None else cut - seen
            seen += len(some)
            rest += some[:left]
            *whole, rest = rest.split(b"\n\n")
            for one in whole:
                parts = [row.partition(": ") for row in one.decode().split("\n")]
                found = {name: value for name, _, value in parts if name}
                if "event" in found:
                    yield found
            if cut is not None and seen >= cut:
                return
    except httpx.TransportError:
        return


def digest(lines: dict[Key, Any]) -> str:
    whole = "\n".join(f"{key} {lines[key]}" for key in sorted(lines))
    return hashlib.sha256(whole.encode()).hexdigest()


async def in_ledger(store: Store, job: str) -> dict[Key, str]:
    """All lines of `job` that the ledger has."""
    found: dict[Key, str] = {}
    counts: dict[tuple[str, int], int] = {}
    for piece in await store.ledger.output(job):
        for text in piece.text.split("\n"):
            run = (piece.host, piece.attempt)
            counts[run] = counts.get(run, 0) + 1
            found[*run, counts[run]] = text
    return found


class Talk:
    """What the servers of a job say, a little at a time."""

    def __init__(self, new: NewJob, seed: int = 1) -> None:
        self.new = new
        self.hosts = [run.host for run in new.runs]
        self._chance = random.Random(seed)
        self._said = dict.fromkeys(self.hosts, 0)

    async def say(self, store: Store, count: int = 1, text: str = "") -> None:
        """`count` updates of random servers, in one transaction."""
        messages = []
        for _ in range(count):
            host = self._chance.choice(self.hosts)
            words = text or self._words(host)
            messages.append(self._update(host, State.RUNNING, words))
        await store.ledger.apply_updates(messages, now())

    async def end(self, store: Store, state: State = State.SUCCEEDED) -> None:
        messages = [self._update(host, state, "done") for host in self.hosts]
        await store.ledger.apply_updates(messages, now())

    def _update(self, host: str, state: State, text: str) -> Any:
        self._said[host] += 1
        level = "log" if state is State.RUNNING else "info"
        return update(self.new, host, self._said[host], state, text=text, level=level)

    def _words(self, host: str) -> str:
        lines = range(self._chance.randrange(1, 4))
        return "\n".join(
            f"{host} {self._said[host]} {'ü€😀x' * self._chance.randrange(30)}" for _ in lines
        )


async def until_open(site: Site, count: int) -> None:
    """Return once `count` streams are open on `site`."""
    await until(lambda: site.feeds.open == count)
