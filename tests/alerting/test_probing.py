"""Probes that the bot runs: each thing that can be wrong, in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.settings import ProbeTable
from baton.errors import SettingsError
from bot.alerting.files import load_alerts
from bot.alerting.probing import checked
from tests.alerting.world import WAIT, Watchers, quick, says
from tests.bot.world import Stage
from tests.support.ports import free_port
from tests.support.wait import until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick(monkeypatch):
        yield


class Shop:
    """A server that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.port = 0
        self.asked = 0
        self.silent = asyncio.Event()
        self.silent.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline():
            self.asked += 1
            await self.silent.wait()
            head = f"HTTP/1.1 {self.status} x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + b"ok")
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    made = Shop()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    made.silent.set()
    server.close()


async def wrong(**values: Any) -> str:
    probe = ProbeTable.model_validate({"name": "shop", **values})
    async with httpx.AsyncClient(trust_env=False) as client:
        return await checked(probe, client)


async def test_what_is_wrong_over_http(shop: Shop) -> None:
    """Status, body, latency and silence, each in its own words."""
    assert await wrong(url=shop.url) == ""
    assert await wrong(url=shop.url, status=[204, 301]) == "answered 200, not 204 or 301"
    assert await wrong(url=shop.url, body="ok") == ""
    assert await wrong(url=shop.url, body="well") == "its answer does not hold “well”"
    assert (await wrong(url=shop.url, latency=1e-6)).startswith("answered after ")
    shop.silent.clear()
    assert await wrong(url=shop.url, timeout=0.1) == "no answer within 0.1 s"


async def test_what_is_wrong_over_tcp(shop: Shop) -> None:
    """Whether somebody listens."""
    assert await wrong(tcp=f"127.0.0.1:{shop.port}") == ""
    assert await wrong(tcp=f"127.0.0.1:{free_port()}") == "connection refused"


async def test_down_after_three_and_up_after_two(stage: Stage, shop: Shop) -> None:
    """A bot that leads probes by itself; what is down for long enough is said, and its end too."""
    probe = {"name": "shop", "url": shop.url, "every": 0.02, "env": "prod"}
    world = Watchers(stage, probe=[probe])
    made = await world.bot()
    asked = shop.asked
    await until(lambda: shop.asked > asked)
    shop.status = 503
    asked = shop.asked
    await until(lambda: shop.asked > asked + 4)
    await world.round(made)
    await world.pass_time(made, WAIT)
    await until(says(stage.front, "firing"))
    shop.status = 200
    await until(says(stage.front, "resolved"))


def test_a_probe_on_a_server_is_refused(tmp_path: Path) -> None:
    """What this bot would not do is not taken silently."""
    file = tmp_path / "alerts.toml"
    file.write_text('channel = "C"\n[[probe]]\nname = "x"\ntcp = "db:1"\nhost = "db-1"\n')
    with pytest.raises(SettingsError, match=r"probe\.0\.host"):
        load_alerts(file)
