"""Each thing that a probe can find over HTTP(S) and over TCP, in words."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from pydantic import ValidationError

from baton.bus.messages import Look
from baton.text.printable import printable
from commands.probes import NetworkProbe
from tests.commands.probes.looks import URL, looked, wrong
from tests.support.listening import listening
from tests.support.ports import free_port
from tests.support.web import Answering, answering


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


async def test_each_look_stands_for_itself(respx_mock: respx.MockRouter) -> None:
    """No cookies are kept, and each look has a connection of its own: what one look leaves behind
    changes nothing for the next."""
    asked = respx_mock.get(URL).respond(200, headers={"Set-Cookie": "session=1"})
    probe = NetworkProbe()
    for _ in range(3):
        assert await probe.wrong(Look(url=URL)) == ""
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

    async with listening(answer) as port:
        probe = NetworkProbe()
        for number in range(3):
            assert await probe.wrong(Look(url=f"http://127.0.0.1:{port}/")) == ""
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
