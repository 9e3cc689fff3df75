"""Each thing that a look can find, in words: over HTTP(S), over TCP, by a program."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from baton.messages import Look
from baton.probing import Found
from baton.settings import CheckTable
from commands.probes import Looking
from commands.probes.checks import found
from commands.process import Ended
from tests.support.ports import free_port
from tests.support.web import Answering, answering


@pytest.fixture
async def shop() -> AsyncIterator[Answering]:
    async with answering() as made:
        yield made


async def looked(checks: dict[str, CheckTable] | None = None, **look: Any) -> Found:
    looking = Looking(checks or {})
    try:
        return await looking.look(Look(**look))
    finally:
        await looking.close()


async def wrong(**look: Any) -> str:
    there = await looked(**look)
    assert there.bad is bool(there.text)
    return there.text


async def test_what_is_wrong_over_http(shop: Answering) -> None:
    """Status, body, latency and silence, each in its own words."""
    assert await wrong(url=shop.url) == ""
    assert await wrong(url=shop.url, status=[204, 301]) == "answered 200, not 204 or 301"
    assert await wrong(url=shop.url, body="ok") == ""
    assert await wrong(url=shop.url, body="well") == "its answer does not hold “well”"
    assert (await wrong(url=shop.url, latency=1e-6)).startswith("answered after ")
    assert await wrong(url=f"http://127.0.0.1:{free_port()}/") == "All connection attempts failed"
    shop.silent.clear()
    assert await wrong(url=shop.url, timeout=0.1) == "no answer within 0.1 s"


async def test_what_is_wrong_over_tcp(shop: Answering) -> None:
    """Whether somebody listens."""
    assert await wrong(tcp=f"127.0.0.1:{shop.port}") == ""
    assert await wrong(tcp=f"127.0.0.1:{free_port()}") == "connection refused"


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
    assert await wrong(url=secure.url, tls_days=14) == "its certificate ends in 10 days"
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
    assert found(Ended(code, "last line"), line) == Found(bad, text)


def check(code: str, timeout: float = 20.0) -> dict[str, CheckTable]:
    return {"disk": CheckTable(command=(sys.executable, "-c", code), timeout=timeout)}


async def test_a_check_is_run_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As this agent's settings say, without the secrets of the agent; the first line counts."""
    monkeypatch.setenv("BATON_BUS_URL", "secret")
    code = "import os; print('\\n', os.getenv('BATON_BUS_URL')); print('more'); raise SystemExit(2)"
    assert await looked(check(code), check="disk") == Found(True, "critical: None")


async def test_a_check_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """By its own timeout, or by that of who asks; nothing of it goes on."""
    slow = f"import time; time.sleep(60); open({str(tmp_path / 'x')!r}, 'w')"
    for table, asked in ((0.3, 20.0), (20.0, 0.3)):
        async with asyncio.timeout(10):
            there = await looked(check(slow, table), check="disk", timeout=asked)
        assert there == Found(True, "it ran longer than 0.3 s and was ended")


async def test_what_cannot_be_looked_at() -> None:
    """A check that is not in the settings is not run; the answer says which there are."""
    there = await looked(check(""), check="dsk")
    assert there == Found(
        True, "its agent knows no check dsk: it knows disk ([checks.dsk] in its settings)"
    )
    assert (await looked()).text.startswith("this agent cannot look at that")
    absent = {"disk": CheckTable(command=("no-such-plugin",))}
    assert "no-such-plugin was not found" in (await looked(absent, check="disk")).text
