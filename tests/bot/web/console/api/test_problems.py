"""Every error of the API is a problem as RFC 9457 describes it: also those of the framework."""

from __future__ import annotations

import asyncio

import pytest

from bot.web.console.api import bodies
from bot.web.console.api.bodies import MAX_BODY
from tests.bot.web.console.conftest import Console


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/", 404),
        ("GET", "/api/v1/asks", 405),
        ("DELETE", "/api/v1/me", 405),
    ],
)
async def test_addresses_that_lead_nowhere(
    console: Console, method: str, path: str, status: int
) -> None:
    """Are answered as the rest: a client has one way to read errors."""
    answer = await console.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert path in answer.json()["detail"]


async def test_an_address_with_a_line_break(console: Console) -> None:
    """No route takes it: it is a problem all the same."""
    answer = await console.client.get("/api/v1/jobs/a%0Ab")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 5000, b'{"text": "\\ud800"}', b"null", b'"text"'],
    ids=["nothing", "cut", "no text", "deep", "half a character", "null", "a string"],
)
async def test_a_body_that_is_no_json(console: Console, body: bytes) -> None:
    """422, whatever it is: and the bot goes on."""
    headers = {"Content-Type": "application/json"}
    answer = await console.client.post("/api/v1/asks", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await console.client.get("/api/v1/me")).status_code == 200


async def test_a_body_that_is_too_large(console: Console) -> None:
    """413; what is below is read."""
    answer = await console.client.post("/api/v1/asks", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert str(MAX_BODY) in answer.json()["detail"]
    spaces = b" " * (MAX_BODY - 40) + b'{"text": "servers"}'
    headers = {"Content-Type": "application/json"}
    answer = await console.client.post("/api/v1/asks", content=spaces, headers=headers)
    assert answer.status_code == 200


async def test_a_body_that_never_ends() -> None:
    """408 after its time: a slow sender holds no connection for ever."""
    sent: list[dict[str, object]] = []

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the body was not whole")

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    limits = bodies.BodyLimits(app, timeout=0.01)
    scope = {"type": "http", "method": "POST", "headers": []}
    await limits(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408
