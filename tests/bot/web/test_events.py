"""CloudEvents over HTTP: structured, batched and binary."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.ingest.model import CloudEvent
from tests.bot.web.conftest import Site

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
AS_KEPT = CloudEvent(
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
    assert site.sink.events == [AS_KEPT]


async def test_a_batch(site: Site) -> None:
    """Several at once, in their order; bytes travel in base64."""
    plain = {name: EVENT[name] for name in ("specversion", "id", "source", "type")}
    other = {**plain, "id": "e2", "data_base64": "AP8="}
    assert await told(site, BATCH, [EVENT, other]) == (200, {"taken": 2})
    assert site.sink.events == [
        AS_KEPT,
        CloudEvent("e2", "/ci/shop", "build.failed", "alertmanager", data=b"\0\xff"),
    ]


@pytest.mark.parametrize(
    ("kind", "body", "data"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/vnd.x+json", b"[1]", [1]),
        ("text/plain; charset=utf-8", "blåbär".encode(), "blåbär"),
        ("application/octet-stream", b"\0\xff", b"\0\xff"),
        ("application/json", b"", None),
        ("", b"\0\xff", b"\0\xff"),
        ("", b"disk full", "disk full"),
        ("", b'{"a": 1}', {"a": 1}),
        ("text/plain; charset=latin-1", b"gr\xfcn", "grün"),
        ("text/plain", b"\xff", "\ufffd"),
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
    (event,) = site.sink.events
    assert (event.subject, event.data, event.extensions) == ("blåbär", data, {"attempt": "2"})


@pytest.mark.parametrize(
    ("kind", "body", "headers", "field"),
    [
        ("text/csv", EVENT, {}, "content-type"),
        ("application/json", b"7", {}, "content-type"),
        (STRUCTURED, b"{", {}, "body"),
        (STRUCTURED, [EVENT], {}, "body"),
        (STRUCTURED, {**EVENT, "specversion": "0.3"}, {}, "specversion"),
        (STRUCTURED, {**EVENT, "id": ""}, {}, "id"),
        (STRUCTURED, {**EVENT, "data_base64": "AP8="}, {}, "data"),
        (STRUCTURED, {**EVENT, "data": None, "data_base64": "%"}, {}, "data_base64"),
        (BATCH, [{**EVENT, "type": None}, 7], {}, "[0].type"),
        ("application/json", b"{}", {"ce-specversion": "1.0", "ce-id": "1"}, "ce-source"),
        (
            "application/json",
            b"{nope",
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
    """400 names the attribute, or the header that it came in, if there is nothing to be taken."""
    status, answer = await told(site, kind, body, **headers)
    assert (status, answer["field"]) == (400, field)
    assert site.sink.events == []


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
async def test_structured_as_plain_json(site: Site, kind: str) -> None:
    """As it is taken on the bus: the body shows what it is."""
    assert await told(site, kind, EVENT) == (200, {"taken": 1})
    assert await told(site, kind, [EVENT, EVENT]) == (200, {"taken": 2})
    assert site.sink.events == [AS_KEPT] * 3


async def test_what_is_odd_does_not_matter(site: Site) -> None:
    """A time that cannot be read, names and values that the standard does not allow, numbers."""
    odd = {"time": "noon", "Bad_Name": "x", "inner": {"a": 1}, "id": 7, "subject": None}
    assert await told(site, STRUCTURED, {**EVENT, **odd}) == (200, {"taken": 1})
    (event,) = site.sink.events
    assert (event.id, event.time, event.subject) == ("7", None, "")
    assert event.extensions["inner"] == '{"a": 1}'


async def test_one_bad_event_costs_the_others_nothing(site: Site) -> None:
    """Those that can be understood are taken; the answer and people are told of the others."""
    status, answer = await told(site, BATCH, [EVENT, {}, {**EVENT, "id": ""}])
    assert (status, answer["taken"], answer["refused"]) == (200, 1, 2)
    assert [one["field"] for one in answer["reasons"]] == ["[1].specversion", "[2].id"]
    assert site.sink.events == [AS_KEPT]
    assert site.refused.counts == {("alertmanager", "invalid"): 2}
    assert len(site.findings) == 1
