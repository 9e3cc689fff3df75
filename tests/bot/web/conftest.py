"""The app on a real socket, of a real bot on a bus in memory; what comes in is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import httpx
import pytest

from alerts.observation import LivenessSeen, Observation
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.errors import BatonError
from bot.app.assemble import status_reader
from bot.app.bot import Bot
from bot.findings import Finding
from bot.ingest.model import CheckInPing, CloudEvent, PushedAlert, Received, SenderTokens
from bot.ingest.rejections import Rejections
from bot.store import Store
from bot.web.app import build
from bot.web.ingest import CHECKINS, PUSHES, IngestRoutes
from bot.web.server import HeadTimeoutProtocol, WebServer
from bot.web.status import Chat
from bot.web.tokens import RateLimit
from tests.bot.world import a_bot
from tests.support.wait import until

NOW = 1_800_000_000.0


class FakeSink:
    """Records what it takes; raises `fails` if that is set."""

    def __init__(self) -> None:
        self.tokens = SenderTokens(
            checkins={"backup": "b-token", "reports": "r-token"},
            senders={"alertmanager": "am-token", "ci": "ci-tökén"},
        )
        self.fails: Exception | None = None
        self._stored: list[Received] = []
        self._meant: Sequence[Received] = ()

    @property
    def checkins(self) -> list[CheckInPing]:
        return [one for one in self._stored if isinstance(one, CheckInPing)]

    @property
    def alerts(self) -> list[PushedAlert]:
        return [one for one in self._stored if isinstance(one, PushedAlert)]

    @property
    def events(self) -> list[CloudEvent]:
        return [one for one in self._stored if isinstance(one, CloudEvent)]

    def observations(self, received: Sequence[Received]) -> list[Observation]:
        self._meant = received
        return [LivenessSeen(host="web-1", env="", at=0.0)] * len(received)

    async def store(self, observations: Sequence[Observation]) -> None:
        if self.fails is not None:
            raise self.fails
        assert len(observations) == len(self._meant)
        self._stored += self._meant


class Findings:
    """Records what it is told."""

    def __init__(self) -> None:
        self.found_so_far: list[Finding] = []

    def found(self, finding: Finding) -> None:
        self.found_so_far.append(finding)


class Away(BatonError):
    """The database at 10.0.0.7 is away: {reason}."""


class Site:
    """The app, where it is, and what is behind it."""

    def __init__(
        self,
        web: WebServer,
        client: httpx.AsyncClient,
        sink: FakeSink,
        bot: Bot,
        refused: Rejections,
        findings: list[Finding],
    ) -> None:
        self.refused = refused
        self.findings = findings
        self.web = web
        self.client = client
        self.sink = sink
        self.bot = bot

    async def push(self, **how: object) -> httpx.Response:
        """POST /alerts with a token that is known."""
        headers = {"Authorization": "Bearer am-token"}
        return await self.client.post("/alerts", **{"headers": headers, **how})  # type: ignore[arg-type]


Opened = Callable[..., Awaitable[Site]]


@pytest.fixture
async def opened(store: Store) -> AsyncIterator[Opened]:
    """Opens a site: how often tokens may come, and for how many seconds it waits, can be said."""
    async with AsyncExitStack() as stack:

        async def open_site(
            *,
            checkins: RateLimit = CHECKINS,
            pushes: RateLimit = PUSHES,
            body_within: float = 10.0,
            head_timeout: float = 10.0,
            monotonic: Callable[[], float] | None = None,
            chat: Chat | None = None,
            shut: bool = False,
        ) -> Site:
            class Hasty(HeadTimeoutProtocol):
                pass

            Hasty.head_timeout = head_timeout
            channel = MemoryChannel("memory://web", on=MemoryBus("web"))
            stack.push_async_callback(channel.close)
            bot = a_bot(store, channel)
            await bot.start()
            stack.push_async_callback(bot.stop)
            sink = FakeSink()
            more = {} if monotonic is None else {"monotonic": monotonic}
            findings = Findings()
            refused = Rejections(findings, clock=lambda: NOW)
            ingest = IngestRoutes(
                sink,
                refused,
                checkins=checkins,
                pushes=pushes,
                body_within=body_within,
                clock=lambda: NOW,
                **more,
            )
            web = WebServer.listen("127.0.0.1", 0)
            status = status_reader(bot, chat, refused, **more)
            web.serve(build(status, None if shut else ingest), Hasty)
            stack.push_async_callback(web.stop)
            client = httpx.AsyncClient(base_url=web.url, trust_env=False, verify=False, timeout=60)
            await stack.enter_async_context(client)
            return Site(web, client, sink, bot, refused, findings.found_so_far)

        yield open_site


@pytest.fixture
async def site(opened: Opened) -> Site:
    """A site whose bot leads."""
    it = await opened()
    await until(lambda: it.bot.leader.leading)
    return it
