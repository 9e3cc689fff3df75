"""Each thing that a look can find, in words: over HTTP(S), over TCP, by a program."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.agent.address_patterns import matches
from baton.agent.probing import ProbeResult
from baton.agent.settings import CheckTable, ProbesTable
from baton.bus.messages import Look
from baton.text.printable import printable
from commands.probes import LocalProber, NetworkProbe
from commands.probes.programs import result_of
from commands.probes.resolving import NameResolver
from commands.process.program import Ended
from tests.support.ports import free_port
from tests.support.wait import until
from tests.support.web import Answering, answering


@pytest.fixture
async def shop() -> AsyncIterator[Answering]:
    async with answering() as made:
        yield made


URL = "http://127.0.0.1/health"
"""Answered by respx. An address, not a name: names are looked up for it too."""
ANYWHERE = ("http://*:*", "https://*:*", "*:*")


async def looked(
    checks: dict[str, CheckTable] | None = None, allow: Sequence[str] = ANYWHERE, **look: Any
) -> ProbeResult:
    looking = LocalProber(checks or {}, allow)
    try:
        there = await looking.probe(Look(**look))
    finally:
        await looking.close()
    assert there is not None
    return there


async def wrong(**look: Any) -> str:
    there = await looked(**look)
    assert there.bad is bool(there.text)
    return there.text


async def test_what_is_wrong_over_http(respx_mock: respx.MockRouter) -> None:
    """Status, body and latency, each in its own words."""
    respx_mock.get(URL).respond(200, text="ok")
    assert await wrong(url=URL) == ""
    assert await wrong(url=URL, status=[204, 301]) == "answered 200, not 204 or 301"
    assert await wrong(url=URL, body="ok") == ""
    assert await wrong(url=URL, body="well") == "its response does not contain “well”"
    assert (await wrong(url=URL, latency=1e-6)).startswith("answered after ")


async def test_nobody_answers_over_http(shop: Answering) -> None:
    """Whether nobody listens, or somebody who says nothing."""
    assert await wrong(url=shop.url) == ""
    assert await wrong(url=f"http://127.0.0.1:{free_port()}/") == "connection refused"
    shop.silent.clear()
    assert await wrong(url=shop.url, timeout=0.1) == "no answer within 0.1 s"


async def test_what_is_wrong_over_tcp(shop: Answering) -> None:
    """Whether somebody listens."""
    assert await wrong(tcp=f"127.0.0.1:{shop.port}") == ""
    assert await wrong(tcp=f"127.0.0.1:{free_port()}") == "connection refused"


@pytest.mark.parametrize("look", [{"url": "http://db.invalid/"}, {"tcp": "db.invalid:5432"}])
async def test_a_name_that_nobody_knows(
    look: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is called so, over HTTP and over TCP alike; one that cannot be looked up for the moment says
    nothing of the name."""

    def fail(number: int, text: str) -> None:
        def getaddrinfo(*_: object, **__: object) -> None:
            raise socket.gaierror(number, text)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    fail(socket.EAI_NONAME, "Name or service not known")
    assert await wrong(**look) == "unknown host name db.invalid"
    fail(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert await wrong(**look) == (
        "the name db.invalid cannot be resolved: Temporary failure in name resolution"
    )


class Hanging:
    """Looks names up as a resolver does that is dead for all but localhost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: Any, *given: Any, **named: Any) -> Any:
        self.asked.append(host)
        if host != "localhost":
            self.over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
        return self._real(host, *given, **named)


async def test_a_dead_resolver_calls_nobody_else_down(
    respx_mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many names hang: another name is looked up beside them, and a name that hangs is
    asked for once."""
    respx_mock.get("http://localhost/").respond(200)
    hanging = Hanging(monkeypatch)
    reaching = NetworkProbe(NameResolver())
    urls = [f"http://shop-{number}.example.com/" for number in range(40)]
    hang = [asyncio.create_task(reaching.wrong(Look(url=url, timeout=60))) for url in urls * 2]
    await until(lambda: len(hanging.asked) == 40)
    well = await reaching.wrong(Look(url="http://localhost/", timeout=30))
    assert well == ""
    for task in hang:
        task.cancel()
    late = await reaching.wrong(Look(url=urls[0], timeout=0.1))
    assert late == "the name shop-0.example.com was not resolved within 0.1 s"
    assert len(hanging.asked) == 41
    hanging.over.set()


async def test_what_waits_for_a_thread_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """When more names hang than are looked up at a time, nothing is said of the others; it is tried
    again once there is room."""
    hanging = Hanging(monkeypatch)
    reaching = NetworkProbe(NameResolver(most=1))
    first = asyncio.create_task(reaching.look(Look(tcp="a.example.com:1", timeout=60)))
    await until(lambda: hanging.asked)
    assert await reaching.look(Look(tcp="b.example.com:1")) is None
    hanging.over.set()
    assert await first == ProbeResult(
        True, "the name a.example.com cannot be resolved: Temporary failure"
    )
    assert await reaching.look(Look(tcp="b.example.com:1")) is not None


async def test_each_look_stands_for_itself(respx_mock: respx.MockRouter) -> None:
    """No cookies are kept, and each look has a connection of its own: what one look leaves behind
    changes nothing for the next."""
    asked = respx_mock.get(URL).respond(200, headers={"Set-Cookie": "session=1"})
    reaching = NetworkProbe()
    for _ in range(3):
        assert await reaching.wrong(Look(url=URL)) == ""
    assert asked.call_count == 3
    for call in asked.calls:
        assert "cookie" not in call.request.headers
        assert call.request.headers["connection"] == "close"


async def test_a_server_that_drops_idle_connections_is_well() -> None:
    """Though it says that it would keep them."""
    dropped = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dropped
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()
        dropped += 1

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reaching = NetworkProbe()
        for number in range(3):
            assert await reaching.wrong(Look(url=f"http://127.0.0.1:{port}/")) == ""
            assert dropped == number + 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=iso-8859-1", "grün".encode("latin-1")),
        ("text/html; charset=UTF-16", "grün".encode("utf-16")),
        ("text/html", "grün".encode("utf-16")),
        ("text/html", "grün".encode("utf-16-le")),
        ("text/html", "grün".encode()),
        ("text/html; charset=punycode", "grün".encode()),
    ],
)
async def test_the_body_is_read_as_it_says(
    respx_mock: respx.MockRouter, kind: str, body: bytes
) -> None:
    """By the charset that it declares, or that it begins with."""
    respx_mock.get(URL).respond(200, headers={"Content-Type": kind}, content=body)
    assert await wrong(url=URL, body="grün") == ""


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("https://*.example.com", ["https://shop.example.com/", "https://a.b.example.com/x?y"],
         ["https://example.com/", "http://shop.example.com/", "https://shop.example.com:8443/",
          "https://shop.example.com.evil.org/", "https://shop.example.com@evil.org/",
          "https://evil.org/.example.com", "https://evil.org/?.example.com"]),
        ("http://127.0.0.1:8080", ["http://127.0.0.1:8080/health"],
         ["http://127.0.0.1/", "http://127.0.0.1:80/", "http://2130706433:8080/"]),
        ("http://shop/health", ["http://shop/health", "http://SHOP:80/health"],
         ["http://shop/", "http://shop/health?as=admin", "http://shop/healthy"]),
        ("http://shop/static/*", ["http://shop/static/a.css"],
         ["http://shop/static/../admin", "http://shop/static/%2e%2e/admin",
          "http://shop/static/..%2fadmin"]),
        ("http://[::1]:*", ["http://[::1]:9/"], ["http://[::2]:9/"]),
    ],
)  # fmt: skip
def test_what_a_pattern_of_urls_allows(pattern: str, yes: list[str], no: list[str]) -> None:
    """Scheme, host, port, and the path if the pattern has one: whatever else a URL may look
    like."""
    looking = LocalProber({}, [pattern])
    for url in yes:
        assert looking.allowed(Look(url=url)), url
    for url in no:
        assert not looking.allowed(Look(url=url)), url
    assert not looking.allowed(Look(tcp="shop:80"))


def test_what_a_pattern_of_ports_allows() -> None:
    """HOST:PORT, over TCP only."""
    looking = LocalProber({}, ["db-*:5432", "[::1]:*"])
    for address in ("db-1:5432", "DB-1:5432", "[::1]:22"):
        assert looking.allowed(Look(tcp=address)), address
    for address in ("db-1:5433", "web-1:5432", "[::2]:22"):
        assert not looking.allowed(Look(tcp=address)), address
    assert not looking.allowed(Look(url="http://db-1:5432/"))


@pytest.mark.parametrize(
    "text",
    ["", "*", "db-1", "db-1:0", "db-1:99999", "ftp://x", "https://", "db-1:5432/x", "http://a b"],
)
def test_a_pattern_that_is_none(text: str) -> None:
    """Is refused when the agent starts, with what it must be."""
    with pytest.raises(ValidationError, match="a pattern such as"):
        ProbesTable(allow=(text,))


@given(st.text("ab*", max_size=12), st.text("ab", max_size=200))
def test_wildcards_are_what_they_are_elsewhere(pattern: str, text: str) -> None:
    """As the shell has them, in time that grows with the text alone."""
    assert matches(pattern, text) == fnmatchcase(text, pattern)


async def test_nothing_is_allowed_that_is_not_named(shop: Answering) -> None:
    """Neither is asked nor connected to: the answer says what to add, and where."""
    for kind, address in (("url", shop.url), ("tcp", f"127.0.0.1:{shop.port}")):
        there = await looked(None, (), **{kind: address})
        assert there == ProbeResult(
            True,
            f"this agent does not allow {address}: add it to [probes] allow in its agent.toml",
        )
    assert shop.heard == []
    assert await looked(allow=[shop.url], url=shop.url) == ProbeResult(False)


@pytest.mark.respx(assert_all_called=False)
async def test_a_redirect_does_not_lead_out(respx_mock: respx.MockRouter) -> None:
    """What is allowed may point elsewhere: nobody goes there."""
    elsewhere = respx_mock.get("http://127.0.0.2/").respond(200)
    respx_mock.get(URL).respond(302, headers={"Location": "http://127.0.0.2/"})
    assert await looked(allow=[URL], url=URL) == ProbeResult(True, "answered 302, not 200")
    assert not elsewhere.called


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Answering]:
    """A server whose certificate, trusted by this machine, ends in ten days."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10"]
    named = ["-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1"]
    words = [*made, *named, "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with answering(context) as shop:
        yield shop


async def test_a_certificate_that_ends_soon(secure: Answering) -> None:
    """So many days must be left of it."""
    assert await wrong(url=secure.url, tls_days=9) == ""
    assert await wrong(url=secure.url, tls_days=14) == "its certificate expires in 10 days"
    assert await wrong(url=secure.url, tls_days=10) == "its certificate expires in 9.9 days"
    named = f"https://localhost:{secure.port}/"
    assert "Hostname mismatch" in await wrong(url=named)  # it is checked, whatever the address
    assert await wrong(url=secure.url, tls_days=14, status=[500]) == "answered 200, not 500"


async def test_a_certificate_that_nobody_vouches_for(
    secure: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this machine does not trust is wrong, whatever it answers."""
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "certificate verify failed" in await wrong(url=secure.url)


@pytest.mark.parametrize(
    ("code", "line", "bad", "text"),
    [
        (0, "DISK OK - 40% free | /=60%;80;90", False, "DISK OK - 40% free"),
        (0, "", False, ""),
        (1, "DISK WARNING - 9% free | /=91%", True, "DISK WARNING - 9% free"),
        (2, "no space", True, "critical: no space"),
        (3, "", True, "exit code 3 (unknown)"),
        (4, "odd", True, "exit code 4: odd"),
        (-9, "", True, "killed by SIGKILL"),
    ],
)
def test_what_the_end_of_a_check_means(code: int, line: str, bad: bool, text: str) -> None:
    """0 is well. Otherwise its first line is told, with Nagios' word for the code unless it is in
    there; what is measured is left out."""
    assert result_of(Ended(code, "last line"), line) == ProbeResult(bad, text)


def check(code: str, timeout: float = 20.0) -> dict[str, CheckTable]:
    return {"disk": CheckTable(command=(sys.executable, "-c", code), timeout=timeout)}


async def test_a_check_is_run_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As this agent's settings say, without the secrets of the agent; the first line counts."""
    monkeypatch.setenv("BATON_BUS_URL", "secret")
    code = "import os; print('\\n', os.getenv('BATON_BUS_URL')); print('more'); raise SystemExit(2)"
    assert await looked(check(code), check="disk") == ProbeResult(True, "critical: None")


async def test_a_check_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """By its own timeout, or by that of who asks; nothing of it goes on."""
    slow = f"import time; time.sleep(60); open({str(tmp_path / 'x')!r}, 'w')"
    for table, asked in ((0.3, 20.0), (20.0, 0.3)):
        async with asyncio.timeout(10):
            there = await looked(check(slow, table), check="disk", timeout=asked)
        assert there == ProbeResult(True, "it exceeded its time limit of 0.3 s and was stopped")


async def test_what_cannot_be_looked_at() -> None:
    """A check that is not in the settings is not run; the answer says which there are."""
    there = await looked(check(""), check="dsk")
    assert there == ProbeResult(
        True, "its agent has no check dsk (configured: disk): add [checks.dsk] to its settings"
    )
    assert (await looked()).text.startswith("this agent does not support this probe")
    absent = {"disk": CheckTable(command=("no-such-plugin",))}
    assert "no-such-plugin was not found" in (await looked(absent, check="disk")).text


@pytest.mark.parametrize(
    "look",
    [
        {"tcp": "nonsense"},
        {"tcp": "db-1:x"},
        {"tcp": "db-1:0"},
        {"tcp": "a b:1"},
        {"url": "ftp://x/"},
        {"url": "http://a b/"},
        {"timeout": 0},
    ],
)
def test_a_look_that_is_none(look: dict[str, Any]) -> None:
    """Is refused where it comes in: an agent never begins it."""
    with pytest.raises(ValidationError):
        Look(**look)


async def test_a_url_that_cannot_be_read() -> None:
    """Is said so."""
    for url in ("http://[::1/", "http:///x", "https://a\u2603\u0378.example/"):
        assert (await looked(url=url)).text.startswith(f"invalid URL {printable(url)}")
        assert (await NetworkProbe().wrong(Look(url=url)) or "").startswith("invalid URL")


async def test_what_a_plugin_complains_of_is_not_what_it_found() -> None:
    """`perl: warning: Setting locale failed.` comes first, on stderr: told is the first line of
    stdout, and what stands on stderr only if there is none."""
    plugin = (
        "import sys; print('perl: warning: Setting locale failed.', file=sys.stderr, flush=True)"
    )
    says = CheckTable(
        command=(sys.executable, "-c", f"{plugin}; print('DISK CRITICAL - 99%|x=1'); sys.exit(2)")
    )
    assert await looked({"disk": says}, check="disk") == ProbeResult(True, "DISK CRITICAL - 99%")
    silent = CheckTable(command=(sys.executable, "-c", f"{plugin}; sys.exit(2)"))
    assert (await looked({"disk": silent}, check="disk")).text == (
        "critical: perl: warning: Setting locale failed."
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ReadTimeout("slow"), "slow"),
        (httpx.RemoteProtocolError("illegal status line"), "illegal status line"),
        (httpx.ReadError(""), "ReadError"),
        (httpx.DecodingError("not gzip"), "not gzip"),
    ],
)
async def test_whatever_goes_wrong_over_http_is_a_result(
    respx_mock: respx.MockRouter, error: httpx.HTTPError, said: str
) -> None:
    """What a server can do to a client is told of the server; it never ends the looking."""
    asked = respx_mock.get("http://localhost/health").mock(side_effect=error)
    assert await wrong(url="http://localhost/health") == said
    assert asked.call_count == 1
