"""What an agent lets probes reach."""

from __future__ import annotations

import pytest
import respx

from baton.agent.probing import ProbeResult
from baton.bus.messages import Look
from commands.probes import LocalProber
from tests.commands.probes.looks import URL, looked
from tests.support.web import Answering


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
