"""What others tell over the bus, as it is read."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.bus.channel import Envelope
from bot.ingest.bus import parse
from bot.ingest.cloudevents import BATCH, STRUCTURED
from bot.ingest.errors import BadInput
from bot.ingest.model import CheckInPing, CloudEvent, Phase
from bot.ingest.payload import MAX_BODY

NOW = 1_800_000_000.0
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/backup",
    "type": "backup.failed",
    "subject": "db-1",
    "data": {"summary": "no space"},
}
AS_KEPT = CloudEvent("e1", "/backup", "backup.failed", "bus", None, "db-1", {"summary": "no space"})


def read(key: str, body: Any, kind: str = "", **headers: str) -> CheckInPing | list[CloudEvent]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = parse(key, Envelope(content, content_type=kind, headers=headers), NOW)
    if found.rejected:
        raise found.rejected[0]
    (first, *_) = found.accepted
    if isinstance(first, CheckInPing):
        return first
    return [one for one in found.accepted if isinstance(one, CloudEvent)]


@pytest.mark.parametrize(
    "kind", [STRUCTURED, f"{STRUCTURED}; charset=UTF-8", "application/json", ""]
)
def test_structured(kind: str) -> None:
    """The whole event is the body; whoever says no type of content is understood too."""
    assert read("alert.backup", EVENT, kind) == [AS_KEPT]
    assert read("alert", EVENT, kind) == [AS_KEPT]


@pytest.mark.parametrize("kind", [BATCH, "application/json", ""])
def test_a_batch(kind: str) -> None:
    """Several at once, in their order."""
    assert read("alert.backup", [EVENT, {**EVENT, "data": None}], kind) == [
        AS_KEPT,
        CloudEvent("e1", "/backup", "backup.failed", "bus", None, "db-1"),
    ]


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_", "ce-"])
def test_binary(prefix: str) -> None:
    """The attributes are headers, the body is the data. A `%` in one is nothing but that."""
    names = {name: value for name, value in EVENT.items() if name != "data"}
    headers = {prefix + name: value for name, value in {**names, "subject": "9%25"}.items()}
    (event,) = read("alert.backup", EVENT["data"], "application/json", **headers)  # type: ignore[misc]
    assert isinstance(event, CloudEvent)
    assert (event.type, event.subject, event.data) == ("backup.failed", "9%25", EVENT["data"])


@pytest.mark.parametrize(
    ("key", "body", "phase", "text"),
    [
        ("checkin.backup", b"", Phase.DONE, ""),
        ("checkin.backup", b"12 GB\n", Phase.DONE, "12 GB"),
        ("checkin.backup.start", b"", Phase.STARTED, ""),
        ("checkin.backup.fail", b"no space", Phase.FAILED, "no space"),
        ("checkin.backup.1", b"{}", Phase.FAILED, "{}"),
        ("checkin.backup", {**EVENT, "data": {"status": "failed", "summary": "x"}}, "failed", "x"),
        ("checkin.backup.0", EVENT, Phase.DONE, "no space"),
        ("checkin", {**EVENT, "subject": "backup"}, Phase.DONE, "no space"),
    ],
)
def test_a_check_in(key: str, body: Any, phase: str, text: str) -> None:
    """Its key names it, and may say how it went; the body is in words, or a CloudEvent."""
    assert read(key, body, STRUCTURED) == CheckInPing("backup", Phase(phase), NOW, text)


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("alert.x", b"words", "content-type: must be application/cloudevents+json"),
        ("alert.x", {"specversion": "0.3"}, "specversion: "),
        ("alert.x", {**EVENT, "id": ""}, "id: "),
        ("alert.x", [EVENT, {}], "[1].specversion: "),
        ("alert.x", b" " * (MAX_BODY + 1), "body: may have 1000000 bytes"),
        ("checkin", b"", "routing key: must name the check-in"),
        ("checkin.a.maybe", b"", "status: must be one of start"),
        ("checkin.a.b.c", b"", "routing key: must be alert.ANYTHING"),
        ("alerts.x", EVENT, "routing key: must be alert.ANYTHING"),
    ],
)
def test_what_will_not_do_is_named(key: str, body: Any, reason: str) -> None:
    """The field and the reason, as over HTTP."""
    with pytest.raises(BadInput) as caught:
        read(key, body)
    assert reason in str(caught.value)


def test_binary_without_a_content_type() -> None:
    """As the SDK sends bytes: nothing is said of them, so they need not be JSON."""
    headers = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "/x", "ce-type": "y"}
    for body, data in (
        (b'{"a": 1}', {"a": 1}),
        (b"disk full", "disk full"),
        (b"\xff\0", b"\xff\0"),
    ):
        (event,) = read("alert.x", body, "", **headers)  # type: ignore[misc]
        assert isinstance(event, CloudEvent)
        assert event.data == data


@pytest.mark.parametrize(
    "headers",
    [
        {"compression": "application/x-gzip", "content-encoding": "utf-8"},
        {"content-encoding": "zlib"},
    ],
)
def test_what_is_compressed(headers: dict[str, str]) -> None:
    """As kombu does it, or as AMQP has a property for it: what it says is shown, not its bytes."""
    body = zlib.compress(b"12 GB") if "zlib" in headers.values() else gzip.compress(b"12 GB")
    assert read("checkin.backup", body, **headers) == CheckInPing(
        "backup", Phase.DONE, NOW, "12 GB"
    )
    event = zlib.compress(json.dumps(EVENT).encode())
    assert read("alert.x", event, STRUCTURED, **headers) == [AS_KEPT]
    told = read("checkin.backup", b"\x28\xb5\x2f", **{"content-encoding": "zstd"})
    assert told == CheckInPing("backup", Phase.DONE, NOW, "3 bytes that cannot be read")


@given(
    st.sampled_from(["alert.x", "checkin.x", "checkin", "checkin.x.fail"]),
    st.binary(max_size=200) | st.just(json.dumps(EVENT).encode()),
    st.sampled_from([STRUCTURED, BATCH, "", "text/plain", "application/json"]),
    st.dictionaries(st.sampled_from(["ce-id", "ce-type", "ce-specversion", "x"]), st.text()),
)
def test_whatever_comes(key: str, body: bytes, kind: str, headers: dict[str, str]) -> None:
    """It is read, or refused with a reason: nothing else."""
    try:
        read(key, body, kind, **headers)
    except BadInput:
        return
