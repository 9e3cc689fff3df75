"""Parses CloudEvents 1.0 in each of its three modes, over HTTP and over the bus. Pure.

Each event is read by itself, as far as it can be understood: what must be there is what tells it
from others (specversion, id, source, type) and data that can be read.

github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import JsonValue

from alerts.labels import json_text
from baton.text.charsets import charset_of, decoded
from bot.ingest.errors import BadInput
from bot.ingest.model import CloudEvent
from bot.ingest.payload import Batch, parse_json, parse_time

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_EVENTS = 5_000
"""Events that are accepted of one body, at most."""
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE = 4_096
"""Characters of an attribute that are stored."""
_KNOWN = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
)
_DATA = frozenset(("data", "data_base64"))
_JSON = ("", "application/json", "text/json")


def parse_request(headers: Mapping[str, str], body: bytes, *, sender: str) -> Batch[CloudEvent]:
    """Return the events in an HTTP request; the names in `headers` are in lower case. Raises
    BadInput."""
    # in HTTP they are percent-encoded where they are not plain ASCII
    attributes = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    return parse_events(headers.get("content-type", ""), attributes, body, sender=sender)


def parse_events(
    content_type: str, attributes: Mapping[str, str], body: bytes, *, sender: str
) -> Batch[CloudEvent]:
    """Return the events in a `body`; `attributes` are those that came beside it, in binary mode.

    Raises BadInput if nothing in it can be understood.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if "specversion" in attributes:
        return Batch([_binary(attributes, content_type, body, sender)])
    # whoever says only that it is JSON shows by the first letter what it is
    if kind in _JSON:
        kind = {b"[": BATCH, b"{": STRUCTURED}.get(_first(body), kind)
    if kind == STRUCTURED:
        found = parse_json(body)
        if not isinstance(found, Mapping):
            raise BadInput("body", "must be an object")
        return Batch([_structured(found, "", sender)])
    if kind == BATCH:
        found = parse_json(body)
        if not isinstance(found, list):
            raise BadInput("body", "must be an array")
        return _several(found, sender)
    raise BadInput(
        "content-type", f"must be {STRUCTURED} or {BATCH}, unless ce-specversion is there"
    )


def _first(body: bytes) -> bytes:
    return body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def _several(found: list[Any], sender: str) -> Batch[CloudEvent]:
    batch: Batch[CloudEvent] = Batch()
    for number, one in enumerate(found[:MAX_EVENTS]):
        place = f"[{number}]"
        try:
            if not isinstance(one, Mapping):
                raise BadInput(place, "must be an object")
            batch.accepted.append(_structured(one, f"{place}.", sender))
        except BadInput as error:
            batch.rejected.append(error)
    if len(found) > MAX_EVENTS:
        batch.rejected.append(
            BadInput("body", f"there are {len(found)}; the limit is {MAX_EVENTS} at a time")
        )
    return batch


def _structured(one: Mapping[str, Any], place: str, sender: str) -> CloudEvent:
    data = one.get("data")
    encoded = one.get("data_base64")
    if encoded is not None:
        if data is not None:
            raise BadInput(f"{place}data", "there may be data or data_base64, not both")
        try:
            if not isinstance(encoded, str):
                raise ValueError
            data = b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise BadInput(f"{place}data_base64", "must be a string in base64") from None
    return _event(one, data, place, sender)


def _binary(
    attributes: Mapping[str, str], content_type: str, body: bytes, sender: str
) -> CloudEvent:
    for name in ("data", "data_base64"):
        if name in attributes:
            raise BadInput(f"ce-{name}", "the body is the data")
    return _event(attributes, _data(content_type, body), "ce-", sender)


def _event(
    found: Mapping[str, Any], data: JsonValue | bytes, place: str, sender: str
) -> CloudEvent:
    version = json_text(found.get("specversion")).strip()
    if version != "1" and not version.startswith("1."):
        raise BadInput(f"{place}specversion", "must be 1.0")
    extensions = {
        name[:64]: value if isinstance(value, bool | int) else json_text(value)[:MAX_ATTRIBUTE]
        for name, value in [*found.items()][:MAX_ATTRIBUTES]
        if name not in _KNOWN | _DATA and value is not None
    }
    return CloudEvent(
        id=_needed(found, "id", place),
        source=_needed(found, "source", place),
        type=_needed(found, "type", place),
        sender=sender,
        time=parse_time(found.get("time")),
        subject=json_text(found.get("subject"))[:MAX_ATTRIBUTE],
        data=data,
        extensions=extensions,
    )


def _needed(found: Mapping[str, Any], name: str, place: str) -> str:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise BadInput(place + name, "must be there, as a string that is not empty")
    return json_text(value)[:MAX_ATTRIBUTE]


def _data(content_type: str, body: bytes) -> JsonValue | bytes:
    """Return the data of the binary mode. Without a content type they are JSON if they can be read
    as such, or else text, or else bytes."""
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        value: JsonValue = parse_json(body)
        return value
    if kind == "":
        try:
            value = parse_json(body)
        except BadInput:
            pass
        else:
            return value
        try:
            return body.decode()
        except UnicodeDecodeError:
            return body
    if kind.startswith("text/"):
        return decoded(body, charset_of(content_type))
    return body
