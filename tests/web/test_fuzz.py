"""Whatever is sent, it is taken or refused with a reason: it is never a fault of ours."""

from __future__ import annotations

import json
from contextlib import suppress
from math import isfinite
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import Labels
from bot.web.alertmanager import pushed
from bot.web.events import events
from bot.web.refusals import BadInput
from tests.web.conftest import Site

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
        "labels": st.dictionaries(st.text(), st.text()) | anything,
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
    with suppress(BadInput):
        for alert in pushed(body, sender="x", now=0.0).taken:
            assert Labels.of(alert.labels).pairs
            assert alert.ends is None or isfinite(alert.ends)
            assert alert.starts is None or isfinite(alert.starts)


@settings(deadline=None, max_examples=150)
@given(body=bodies, kind=kinds, headers=ce_headers)
def test_events(body: bytes, kind: str, headers: dict[str, str]) -> None:
    """Events have what every CloudEvent must have."""
    with suppress(BadInput):
        for event in events({"content-type": kind, **headers}, body, sender="x").taken:
            assert event.id
            assert event.source
            assert event.type


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
