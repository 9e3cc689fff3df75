"""The socket: limits of size and time, who else listens there, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from baton_slack_testing import SlackServer
from bot.ingest.payload import MAX_BODY
from bot.settings import load_bot
from bot.web.server import KEEP_ALIVE, MAX_CONNECTIONS, CannotListen, WebServer
from tests.bot.web.conftest import Opened, Site
from tests.support.ports import free_port, listening
from tests.support.wait import until

HEAD = b"POST /alerts?token=am-token HTTP/1.1\r\nHost: x\r\n"


async def connected(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.web.port)


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """All that comes until the server hangs up."""
    async with asyncio.timeout(60):
        found = await reader.read()
    writer.close()
    await writer.wait_closed()
    return found


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1000):
        yield b" " * 1000


@pytest.mark.parametrize("path", ["/alerts?token=am-token", "/events?token=am-token"])
async def test_a_body_of_the_largest_size(site: Site, path: str) -> None:
    """A million bytes are read, and a byte more is not: 413 says how many may be sent."""
    body = b"[]".ljust(MAX_BODY)
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    assert (await site.client.post(path, content=body, headers=headers)).status_code == 200
    answer = await site.client.post(path, content=body + b" ", headers=headers)
    assert answer.status_code == 413
    assert answer.json() == {"error": "The body may have 1000000 bytes at most."}


async def test_a_large_body_in_chunks(site: Site) -> None:
    """Nobody need say beforehand how much it will be: it is counted as it comes."""
    answer = await site.client.post("/alerts?token=am-token", content=pieces(MAX_BODY + 1000))
    assert answer.status_code == 413
    assert site.sink.alerts == []


async def test_much_more_than_the_largest(site: Site) -> None:
    """Who sends 20 MB is answered before they have sent it, and can send the next thing after."""
    reader, writer = await connected(site)
    writer.write(HEAD + b"Content-Length: 20000000\r\n\r\n")
    async with asyncio.timeout(60):
        assert b"413" in await reader.readline()
        await reader.readuntil(b"}")
        for _ in range(20):
            writer.write(b" " * 1_000_000)
            await writer.drain()
        writer.write(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n[]")
        assert (await said(reader, writer)).startswith(b"HTTP/1.1 200")


async def test_a_large_body_without_end(opened: Opened) -> None:
    """Who was told that it is too much, and goes on sending, is cut off in time."""
    site = await opened(head_timeout=0.1)
    reader, writer = await connected(site)
    writer.write(HEAD + b"Content-Length: 20000000\r\n\r\n")
    assert b"413" in await reader.readline()

    async def sent() -> bool:
        writer.write(b" " * 1000)
        await writer.drain()
        return False

    with pytest.raises(ConnectionError):
        await until(sent)
    writer.close()


async def test_a_head_that_does_not_come(opened: Opened) -> None:
    """A connection that says nothing, or a letter now and then, is closed; so is one that was used
    before."""
    site = await opened(head_timeout=0.1)
    silent = await connected(site)
    slow = await connected(site)
    slow[1].write(b"GET /heal")
    used = await connected(site)
    used[1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" in await used[0].readline()
    await used[0].readuntil(b"}")
    used[1].write(b"GET /he")
    for reader, writer in (silent, slow, used):
        assert await said(reader, writer) == b""


async def test_a_body_that_does_not_come(opened: Opened) -> None:
    """408, and the connection is closed."""
    site = await opened(body_within=0.1)
    reader, writer = await connected(site)
    writer.write(HEAD + b"Content-Length: 10\r\n\r\n[")
    found = await said(reader, writer)
    assert found.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 0.1 s" in found


async def test_an_answer_that_takes_long_is_waited_for(opened: Opened) -> None:
    """Impatience is for heads: what was asked whole is answered however long that takes."""
    site = await opened(head_timeout=0.05, body_within=5)
    reader, writer = await connected(site)
    writer.write(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n[")
    loop = asyncio.get_running_loop()
    later = loop.time() + 0.2
    await until(lambda: loop.time() > later)
    writer.write(b"]")
    assert (await said(reader, writer)).startswith(b"HTTP/1.1 200")


async def test_a_head_that_is_too_large(site: Site) -> None:
    """It is refused, not collected for ever."""
    reader, writer = await connected(site)
    writer.write(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 40_000)
    assert (await said(reader, writer)).startswith(b"HTTP/1.1 400")


async def test_who_only_sits_there_makes_room(opened: Opened) -> None:
    """However many connections say nothing: whoever asks is answered, and the oldest goes."""
    site = await opened(head_timeout=60)
    idle = [await connected(site) for _ in range(MAX_CONNECTIONS + 20)]
    for _ in range(5):
        async with httpx.AsyncClient(base_url=site.web.url, trust_env=False) as client:
            assert (await client.get("/healthz")).status_code == 200
    assert await said(*idle[0]) == b""
    last = idle[-1]
    last[1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await said(*last)).startswith(b"HTTP/1.1 200")
    for _, writer in idle[1:-1]:
        writer.close()


async def test_too_many_at_work(opened: Opened) -> None:
    """Who comes while all others are at work is sent away with 503, and there is room again
    afterwards."""
    site = await opened(body_within=60)
    busy = [await connected(site) for _ in range(MAX_CONNECTIONS)]
    for _, writer in busy:
        writer.write(HEAD + b"Content-Length: 10\r\n\r\n[")
    await until(lambda: site.web.busy >= MAX_CONNECTIONS - 1)
    answer = await site.client.get("/healthz")
    assert answer.status_code == 503
    for _, writer in busy:
        writer.transport.abort()

    async def room() -> bool:
        return (await site.client.get("/healthz")).status_code == 200

    await until(room)


@pytest.mark.slow
async def test_an_idle_connection_is_kept(opened: Opened) -> None:
    """As long as clients keep theirs: between two requests there is no hurry, though there is with
    each head and each body."""
    assert KEEP_ALIVE > 300
    site = await opened(head_timeout=0.1)
    reader, writer = await connected(site)
    loop = asyncio.get_running_loop()
    for _ in range(3):
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n[]")
        assert b"200" in await reader.readline()
        await reader.readuntil(b"}")
        later = loop.time() + 0.3
        await until(lambda later=later: loop.time() > later)  # type: ignore[misc]
    writer.close()


@pytest.mark.parametrize("chunked", ["chunked", "Chunked", "gzip, chunked"])
async def test_two_lengths_of_a_body(site: Site, chunked: str) -> None:
    """A request that says in two ways where it ends is refused, and so is all that follows it: a
    proxy may have believed the other way."""
    reader, writer = await connected(site)
    lengths = f"Content-Length: 4\r\nTransfer-Encoding: {chunked}\r\n\r\n"
    writer.write(HEAD + lengths.encode() + b"0\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\n[]")
    found = await said(reader, writer)
    assert re.match(rb"HTTP/1.1 (400|501)", found)
    assert found.count(b"HTTP/1.1") == 1
    assert site.sink.alerts == []


async def test_who_leaves_in_the_middle(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It is no error of ours."""
    _, writer = await connected(site)
    writer.write(HEAD + b"Content-Length: 10\r\n\r\n[")
    await writer.drain()
    writer.transport.abort()
    await until(lambda: not site.web.busy)
    assert (await site.client.get("/healthz")).status_code == 200
    assert caplog.text == ""


def test_a_port_in_use() -> None:
    """The error names the address and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port}.*in use.*BATON_WEB_PORT"):
            WebServer.listen("127.0.0.1", port)


def test_an_address_that_is_none() -> None:
    """So does the error about one that is not ours, or no address at all."""
    for address in ("192.0.2.1", "no such host", "::ffff:300.0.0.1"):
        with pytest.raises(CannotListen, match="cannot listen on"):
            WebServer.listen(address, 0)


async def test_ipv6() -> None:
    """Its URL can be used as it is."""
    try:
        web = WebServer.listen("::1", 0)
    except CannotListen:
        pytest.skip("this machine has no IPv6")
    assert web.url == f"http://[::1]:{web.port}"
    await web.stop()


async def test_stopping_answers_what_was_asked(site: Site) -> None:
    """A request that is being read is answered; then nobody listens any more."""
    reader, writer = await connected(site)
    writer.write(HEAD + b"Content-Length: 2\r\n\r\n[")
    await until(lambda: site.web.busy)
    stopping = asyncio.create_task(site.web.stop())
    # not by connecting: a connection that is accepted at the last moment would be nobody's
    await until(lambda: site.web._listening.fileno() == -1)
    writer.write(b"]")
    assert (await said(reader, writer)).startswith(b"HTTP/1.1 200")
    await asyncio.wait_for(stopping, 60)
    assert not listening(site.web.port)


async def test_signals_stay_the_bots(opened: Opened) -> None:
    """uvicorn takes no signal for itself."""
    ours = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    site = await opened()
    await site.client.get("/healthz")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == ours


def test_settings(tmp_path: Path) -> None:
    """The file, and the environment over it."""
    file = tmp_path / "baton.toml"
    file.write_text("[web]\nport = 9000\n")
    web = load_bot(file, {"BATON_WEB_ADDRESS": "0.0.0.0", "BATON_WEB_ENABLED": "false"}).web
    assert (web.enabled, web.address, web.port) == (False, "0.0.0.0", 9000)
    default = load_bot(None, {}).web
    assert (default.enabled, default.address, default.port) == (True, "127.0.0.1", 8080)


class Running:
    """`baton bot` with a bus in memory and a Slack for tests."""

    def __init__(self, slack: SlackServer, folder: Path, **env: str) -> None:
        self._folder = folder
        self._env = {
            **{name: value for name, value in os.environ.items() if "BATON" not in name},
            **slack.env,
            "BATON_BUS_URL": "memory://web",
            "BATON_DATABASE_URL": f"sqlite:///{folder}/baton.db",
            **env,
        }

    async def __aenter__(self) -> asyncio.subprocess.Process:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from bot.cli import main; main()",
            "bot",
            env=self._env,
            stderr=asyncio.subprocess.PIPE,
        )
        return self.process

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()


@pytest.mark.slow
async def test_the_bot_of_a_team(tmp_path: Path) -> None:
    """`baton bot` answers with its real parts, and ends in good order."""
    port = free_port()
    async with (
        SlackServer() as slack,
        Running(slack, tmp_path, BATON_WEB_PORT=str(port)) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        await slack.connected(2)
        await until(lambda: listening(port))

        async def ready() -> httpx.Response | None:
            answer = await client.get("/readyz")
            leads = "leader:" in answer.json()["parts"]["leadership"]["words"]
            return answer if answer.status_code == 200 and leads else None

        answer = await until(ready)
        assert answer is not None
        assert answer.json()["parts"]["slack"]["well"]
        found = (await client.get("/metrics")).text
        assert "baton_slack_up 1.0" in found
        assert 'baton_slack_calls_total{method="auth.test",outcome="ok"} 1.0' in found
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err.decode()
        assert b"Traceback" not in err


@pytest.mark.slow
async def test_nothing_starts_if_the_port_is_taken(tmp_path: Path) -> None:
    """The bot ends with one line and exit code 2: no database was made, Slack was not called."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with (
            SlackServer() as slack,
            Running(slack, tmp_path, BATON_WEB_PORT=str(port)) as process,
        ):
            _, err = await asyncio.wait_for(process.communicate(), 60)
            assert not slack.calls
    assert process.returncode == 2
    assert (
        err.decode()
        .splitlines()[-1]
        .startswith(f"baton: The web server cannot listen on 127.0.0.1:{port}")
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
async def test_what_is_not_wanted_is_not_loaded(tmp_path: Path) -> None:
    """With `enabled = false` nothing listens, and neither FastAPI nor the rest costs memory."""
    program = (
        "import sys, json, bot.app.serve, bot.settings, bot.ingest.model, bot.web.errors\n"
        "print(json.dumps([n for n in ('fastapi', 'starlette', 'uvicorn', 'prometheus_client')"
        " if n in sys.modules]))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert json.loads(out) == []
    port = free_port()
    async with (
        SlackServer() as slack,
        Running(slack, tmp_path, BATON_WEB_PORT=str(port), BATON_WEB_ENABLED="false"),
    ):
        await slack.connected(2)
        assert not listening(port)
