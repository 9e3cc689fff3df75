"""CloudEvents over HTTP: structured, batched and binary."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.web.intake import Event
from tests.web.conftest import Site

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/ci/shop",
    "type": "build.failed",
    "time": "2027-01-15T08:00:00Z",
    "subject": "main",
    "traceparent": "00-1",
    "attempt": 2,
    "nothing": None,
    "data": {"log": ["a", "b"]},
}
AS_KEPT = Event(
    id="e1",
    source="/ci/shop",
    type="build.failed",
    sender="alertmanager",
    time=1_800_000_000.0,
    subject="main",
    data={"log": ["a", "b"]},
    extensions={"traceparent": "00-1", "attempt": 2},
)
STRUCTURED = "application/cloudevents+json; charset=UTF-8"
BATCH = "application/cloudevents-batch+json"


async def told(site: Site, kind: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await site.client.post(
        "/events",
        content=content,
        headers={"Authorization": "bearer am-token", "Content-Type": kind, **headers},
    )
    return answer.status_code, answer.json()


async def test_structured(site: Site) -> None:
    """The whole event is the body; attributes that the standard does not know are kept."""
    assert await told(site, STRUCTURED, EVENT) == (200, {"taken": 1})
    assert site.intake.events == [AS_KEPT]


async def test_a_batch(site: Site) -> None:
    """Several at once, in their order; bytes travel in base64."""
    plain = {name: EVENT[name] for name in ("specversion", "id", "source", "type")}
    other = {**plain, "id": "e2", "data_base64": "AP8="}
    assert await told(site, BATCH, [EVENT, other]) == (200, {"taken": 2})
    assert site.intake.events == [
        AS_KEPT,
        Event("e2", "/ci/shop", "build.failed", "alertmanager", data=b"\0\xff"),
    ]


@pytest.mark.parametrize(
    ("kind", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/vnd.x+json", b"[1]", [1]),
        ("text/plain; charset=utf-8", "blåbär".encode(), "blåbär"),
        ("application/octet-stream", b"\0\xff", b"\0\xff"),
        ("application/json", b"", None),
    ],
)
async def test_binary(site: Site, kind: str, body: bytes, data: Any) -> None:
    """The attributes are headers, percent-encoded where need be, and the body is the data."""
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "e1",
        "ce-source": "/ci/shop",
        "CE-Type": "build.failed",
        "ce-subject": "bl%C3%A5b%C3%A4r",
        "ce-attempt": "2",
    }
    assert await told(site, kind, body, **headers) == (200, {"taken": 1})
    (event,) = site.intake.events
    assert (event.subject, event.data, event.extensions) == ("blåbär", data, {"attempt": "2"})


@pytest.mark.parametrize(
    ("kind", "body", "headers", "field"),
    [
        ("application/json", EVENT, {}, "content-type"),
        (STRUCTURED, b"{", {}, "body"),
        (STRUCTURED, [EVENT], {}, "body"),
        (STRUCTURED, {**EVENT, "specversion": "0.3"}, {}, "specversion"),
        (STRUCTURED, {**EVENT, "id": ""}, {}, "id"),
        (STRUCTURED, {**EVENT, "time": "noon"}, {}, "time"),
        (STRUCTURED, {**EVENT, "data_base64": "AP8="}, {}, "body"),
        (STRUCTURED, {**EVENT, "data": None, "data_base64": "%"}, {}, "data_base64"),
        (STRUCTURED, {**EVENT, "Bad_Name": "x"}, {}, "body"),
        (STRUCTURED, {**EVENT, "inner": {"a": 1}}, {}, "body"),
        (BATCH, [EVENT, {**EVENT, "type": 7}], {}, "[1].type"),
        ("application/json", b"{}", {"ce-specversion": "1.0", "ce-id": "1"}, "ce-source"),
        (
            "application/json",
            b"{nope",
            {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "x", "ce-type": "y"},
            "body",
        ),
        (
            "text/plain",
            b"\xff",
            {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "x", "ce-type": "y"},
            "body",
        ),
        (
            "text/plain",
            b"x",
            {
                "ce-specversion": "1.0",
                "ce-id": "1",
                "ce-source": "x",
                "ce-type": "y",
                "ce-data": "z",
            },
            "ce-data",
        ),
    ],
)
async def test_bad_input(
    site: Site, kind: str, body: Any, headers: dict[str, str], field: str
) -> None:
    """400 names the attribute, or the header that it came in; nothing of a batch is taken."""
    status, answer = await told(site, kind, body, **headers)
    assert (status, answer["field"]) == (400, field)
    assert site.intake.events == []
