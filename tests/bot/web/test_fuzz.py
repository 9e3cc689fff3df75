"""Whatever is sent, it is taken or refused with a reason: it is never a fault of ours."""

from __future__ import annotations

import gzip
import json
import re
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts import Labels
from alerts.labels import sanitize
from bot.ingest.alertmanager import parse_alerts
from bot.ingest.cloudevents import parse_request
from bot.ingest.errors import BadInput
from bot.ingest.github import parse_delivery
from bot.ingest.model import PHASES, Phase, parse_phase
from bot.ingest.payload import decompress
from tests.bot.web.conftest import Site
from tests.support.quick import INPUT, quickly

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
moments = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "", "1e400", 1e300, -1, 2**70, None]
)
alertish = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(st.text(), st.text() | anything) | anything,
        "annotations": anything,
        "status": st.sampled_from(["firing", "resolved"]) | anything,
        "startsAt": moments | anything,
        "endsAt": moments | anything,
        "generatorURL": anything,
    },
)
eventish = st.fixed_dictionaries(
    {"specversion": st.just("1.0") | anything},
    optional={
        "id": st.text() | anything,
        "source": st.text() | anything,
        "type": st.text() | anything,
        "time": moments | anything,
        "data": anything,
        "data_base64": st.text() | anything,
        "ext": anything,
    },
)
bodies = (
    st.binary()
    | anything.map(lambda value: json.dumps(value).encode())
    | st.lists(alertish).map(lambda value: json.dumps(value).encode())
    | st.lists(alertish).map(lambda value: json.dumps({"alerts": value}).encode())
    | eventish.map(lambda value: json.dumps(value).encode())
    | st.lists(eventish).map(lambda value: json.dumps(value).encode())
)
kinds = st.sampled_from(
    [
        "",
        "application/json",
        "text/plain",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/octet-stream",
    ]
)
ce_headers = st.dictionaries(
    st.sampled_from(
        ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-x-y", "ce-"]
    ),
    st.sampled_from(["1.0", "%ff", "%", "x", "", "0001-01-01T00:00:00+14:00"]),
)


@settings(deadline=None, max_examples=150)
@given(body=bodies)
def test_alerts(body: bytes) -> None:
    """Alerts have labels and moments that can be reckoned with."""

    def read() -> None:
        for alert in parse_alerts(body, sender="x", now=0.0).accepted:
            assert Labels.of(alert.labels).pairs
            for at in (alert.starts, alert.ends):
                assert at is None or datetime.fromtimestamp(at, ZoneInfo("Asia/Tokyo"))

    quickly(read, BadInput, within=INPUT / 2)


@settings(deadline=None, max_examples=150)
@given(body=bodies, kind=kinds, headers=ce_headers)
def test_events(body: bytes, kind: str, headers: dict[str, str]) -> None:
    """Events have what every CloudEvent must have."""

    def read() -> None:
        for event in parse_request({"content-type": kind, **headers}, body, sender="x").accepted:
            assert event.id
            assert event.source
            assert event.type

    quickly(read, BadInput, within=INPUT / 2)


@settings(deadline=None, max_examples=100)
@given(
    event=st.sampled_from(["workflow_run", "deployment_status", "ping", ""]),
    body=anything
    | st.fixed_dictionaries({"workflow_run": anything, "repository": anything})
    | st.fixed_dictionaries(
        {
            "deployment_status": st.fixed_dictionaries(
                {"state": st.sampled_from(["failure", "success"]) | anything},
                optional={"environment": anything, "updated_at": moments | anything},
            )
        }
    ),
)
def test_deliveries(event: str, body: Any) -> None:
    """Of GitHub, signed or not."""

    def read() -> None:
        for alert in parse_delivery(event, body, sender="x", now=0.0):
            assert Labels.of(alert.labels).pairs

    quickly(read, BadInput, within=INPUT / 2)


@settings(deadline=None, max_examples=100)
@given(
    beat=st.fixed_dictionaries(
        {"status": st.sampled_from([0, 1, 2]) | anything},
        optional={"time": moments, "msg": anything},
    )
    | anything,
    monitor=st.fixed_dictionaries(
        {"name": anything, "tags": anything | st.lists(st.fixed_dictionaries({"name": anything}))}
    )
    | anything,
    check=st.fixed_dictionaries({"n_pings": anything, "status": st.sampled_from(["up", "down"])}),
)
def test_services(beat: Any, monitor: Any, check: dict[str, Any]) -> None:
    """Whatever Uptime Kuma and Healthchecks may send one day."""

    def read(body: Any) -> None:
        for alert in parse_alerts(json.dumps(body).encode(), sender="x", now=0.0).accepted:
            assert Labels.of(alert.labels).pairs

    for body in ({"heartbeat": beat, "monitor": monitor, "msg": monitor}, check):
        quickly(partial(read, body), BadInput, within=INPUT / 2)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.text(max_size=100), st.text(max_size=400) | anything, max_size=80))
def test_labels(given: dict[str, Any]) -> None:
    """Whatever they are called and hold, they are sanitize so that they can be kept, and so that
    spelling them again changes nothing."""
    once = sanitize(given)
    Labels.of(once)
    assert len(once) <= 64
    assert sanitize(once) == once


@settings(deadline=None, max_examples=100)
@given(st.text() | st.integers().map(str) | st.sampled_from([*PHASES]))
def test_phases(word: str) -> None:
    """A number is always understood, for whoever sends one has ended."""
    try:
        phase = parse_phase(word, "phase")
    except BadInput:
        assert not re.fullmatch(r"[-+]?[0-9]+", word.strip())
    else:
        assert phase in Phase


ODD = {
    "many alerts": b"[" + b'{"labels":{"a":"b"}},' * 40_000 + b"{}]",
    "many of none": b"[" + b"{}," * 300_000 + b"{}]",
    "many labels": json.dumps([{"labels": {f"l{n}": "x" for n in range(60_000)}}]).encode(),
    "a long value": json.dumps([{"labels": {"a": "\u2603" * 160_000}}]).encode(),
    "escapes": json.dumps(
        [{"labels": {"a": "b"}, "annotations": {"s": "\x1b]" * 90_000}}]
    ).encode(),
    "digits": b"[" + b"9" * 900_000 + b"]",
    "deep": b"[" * 900_000,
    "events": json.dumps([{"specversion": "1.0"}] * 30_000).encode(),
    "a bomb": gzip.compress(b" " * 30_000_000, mtime=0),
}


@pytest.mark.parametrize("name", ODD)
def test_large_bodies(name: str) -> None:
    """What is built to cost much costs little more than it takes to read so much JSON."""

    def read() -> None:
        for encoding in ("", "gzip"):
            with suppress(BadInput):
                parse_alerts(decompress(ODD[name], encoding), sender="x", now=0.0)
            with suppress(BadInput):
                parse_request({"content-type": "application/json"}, ODD[name], sender="x")

    quickly(read, within=20 * INPUT)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_every_entry(site: Site, data: st.DataObject) -> None:
    """Whatever is sent to any of them is answered with one of the declared statuses."""
    path = data.draw(
        st.sampled_from(["/alerts", "/events", "/checkin/b-token", "/github/ci"])
        | st.text(max_size=20).map(lambda word: "/checkin/b-token/" + quote(word, safe=""))
    )
    headers = data.draw(ce_headers)
    headers["content-type"] = data.draw(kinds)
    headers["content-encoding"] = data.draw(st.sampled_from(["", "gzip", "br", "utf-8"]))
    content = data.draw(bodies)
    query = {"token": "am-token", "status": data.draw(st.text(max_size=9)), "msg": "\x1b"}
    headers["x-hub-signature-256"] = "sha256="
    answer = await site.client.post(path, content=content, headers=headers, params=query)
    assert answer.status_code in {200, 400, 401, 404, 413, 429}, (path, answer.text)


async def test_over_the_wire(site: Site) -> None:
    """What is odd in a path, a query, a header or a body is answered in words, and never by 500."""
    odd: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/alerts?token=%00%ff", {"content": b"\0"}),
        ("POST", "/alerts?token=am-token&token=x", {"content": b"[]"}),
        ("GET", "/checkin/" + "x" * 10_000, {}),
        ("GET", "/checkin//", {}),
        ("GET", "/checkin/b-token/%2e%2e/%00", {}),
        ("GET", "/checkin/b-token?status=%ed%a0%80", {}),
        (
            "POST",
            "/events?token=am-token",
            {"headers": {"ce-specversion": "1.0", "ce-id": "%ed%a0%80"}},
        ),
        ("PATCH", "/nowhere", {}),
        ("GET", "/docs", {}),
        ("GET", "/openapi.json", {}),
        ("GET", "/metrics", {"headers": {"Accept": "application/openmetrics-text; version=x,;;"}}),
    ]
    for method, path, more in odd:
        answer = await site.client.request(method, path, **more)
        assert answer.status_code < 500, (path, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"]
