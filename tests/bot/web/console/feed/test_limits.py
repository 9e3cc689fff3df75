"""How many may watch, how slowly, and how they stop: whoever watches takes nothing from others."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest

from bot.web import server
from bot.web.console.feed import feeds
from bot.web.server import MAX_CONNECTIONS
from tests.bot.store.build import asked, deploy
from tests.bot.web.console.feed.conftest import OpenSite, Site, Talk, Watcher, until_open
from tests.support.wait import until

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, database: str) -> str:
    """One database is enough for what is about connections."""
    return database


async def watching(site: Site, job: str, who: str = "ann") -> Connection:
    """A connection that watches `job` and takes nothing more than the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.web.port, limit=2_000)
    writer.write(f"GET /events/{job}?who={who} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def a_job(site: Site) -> Talk:
    return Talk(await asked(site.store, deploy("web-1")))


async def get(site: Site, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=site.web.url, trust_env=False, timeout=60) as client:
        return await client.get(path)


async def test_one_person_has_so_many(open_site: OpenSite) -> None:
    """One more is refused with 429 and the words for it; somebody else may watch, and there is room
    again once one has left."""
    site = await open_site(most_of_a_person=3)
    job = (await a_job(site)).new.job.id
    open_ones = [await watching(site, job) for _ in range(3)]
    refused = await get(site, f"/events/{job}")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
    assert "Close a tab" in refused.json()["detail"]
    open_ones.append(await watching(site, job, "ben"))
    assert site.feeds.open == 4
    open_ones[0][1].close()
    await until_open(site, 3)
    open_ones.append(await watching(site, job))
    assert site.feeds.open == 4
    for _, writer in open_ones:
        writer.close()


async def test_all_together_have_so_many(open_site: OpenSite) -> None:
    """Beyond, people are told to come back: nothing else of the bot suffers."""
    site = await open_site(most=2)
    job = (await a_job(site)).new.job.id
    open_ones = [await watching(site, job, f"person-{number}") for number in range(2)]
    assert (await get(site, f"/events/{job}")).status_code == 503
    for _, writer in open_ones:
        writer.close()
    await until(lambda: not site.feeds.watched)


async def test_streams_take_the_place_of_nobody(open_site: OpenSite) -> None:
    """However many streams are open, health, check-ins and webhooks have their 200 connections."""
    site = await open_site(most=300, most_of_a_person=300)
    job = (await a_job(site)).new.job.id
    open_ones = [await watching(site, job) for _ in range(MAX_CONNECTIONS + 30)]
    idle = [
        await asyncio.open_connection("127.0.0.1", site.web.port)
        for _ in range(MAX_CONNECTIONS - 10)
    ]
    assert (await get(site, "/healthz")).status_code == 200
    for _, writer in idle:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    for reader, _ in idle:
        assert b"200" in await reader.readline()
    assert site.feeds.open == MAX_CONNECTIONS + 30
    for _, writer in open_ones + idle:
        writer.close()


async def test_who_takes_nothing_is_disconnected(open_site: OpenSite) -> None:
    """A client that does not read what it is sent holds nobody up, and is disconnected."""
    site = await open_site(drain_timeout=0.2)
    talk = await a_job(site)
    job = talk.new.job.id
    _, writer = await watching(site, job)
    watcher = Watcher(job)
    other = asyncio.create_task(watcher.watch(site))
    await until_open(site, 2)

    async def gone() -> bool:
        await talk.say(site.store, 40, "x" * 7_000)
        return site.feeds.open == 1

    await until(gone)
    await talk.end(site.store)
    await asyncio.wait_for(other, 60)
    assert len(watcher.lines) == len(await site.store.ledger.output(job))
    writer.close()


async def test_the_bot_stops_while_many_watch(
    open_site: OpenSite, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes less than three seconds with 50 streams, one of them of a client that takes nothing,
    and is no error; each stream ends as a stream should."""
    site = await open_site(most_of_a_person=300)
    talk = await a_job(site)
    stuck = await watching(site, talk.new.job.id)
    connections = site.web._server
    assert connections is not None

    async def is_stuck() -> bool:
        await talk.say(site.store, 40, "x" * 7_000)
        open_ones = connections.server_state.connections
        return any(getattr(one, "stuck", False) for one in open_ones)

    await until(is_stuck)
    job = (await a_job(site)).new.job.id
    open_ones = [await watching(site, job) for _ in range(50)]
    await until_open(site, 51)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await site.web.stop()
    assert loop.time() - began < server.STOP_TIMEOUT
    for reader, writer in open_ones:
        assert (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
    stuck[1].close()
    assert caplog.text == ""
    assert not site.feeds.watched


async def test_rights_are_looked_at_again(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may not read the job any more is sent nothing more; others go on."""
    monkeypatch.setattr(feeds, "CHECK_SECONDS", 1)
    site = await open_site()
    job = (await a_job(site)).new.job.id
    reader, writer = await watching(site, job)
    site.may_read = False
    async with asyncio.timeout(60):
        await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()


async def test_who_is_silent_is_pinged(
    open_site: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream without news says that it is alive, and when to come back if it breaks."""
    monkeypatch.setattr(feeds, "PING_SECONDS", 1)
    site = await open_site()
    job = (await a_job(site)).new.job.id
    reader, writer = await watching(site, job)
    async with asyncio.timeout(60):
        assert b"retry: " in await reader.readuntil(b"\n\n")
        await reader.readuntil(b": ping\n\n")
    writer.close()


async def test_who_leaves_before_anything_is_sent(site: Site) -> None:
    """The place is given back, whenever they leave."""
    job = (await a_job(site)).new.job.id
    for _ in range(30):
        _, writer = await asyncio.open_connection("127.0.0.1", site.web.port)
        writer.write(f"GET /events/{job} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.transport.abort()
    await until(lambda: not site.web.busy and not site.feeds.open)
    assert not site.feeds.watched
