"""Parses what others send over the bus. Pure.

A key that begins with `alert` means CloudEvents, in any mode that cloudevents.py knows; the
attributes of the binary mode are in headers called `cloudEvents:NAME`, `cloudEvents_NAME` or
`ce-NAME`. `checkin.NAME` and `checkin.NAME.PHASE` are a sign of life, of which the body may tell in
words; it may be a CloudEvent too, whose data has `status` and `summary`. A name is enough here: the
broker has already authenticated whoever publishes, and everybody could read a token in a routing
key.

github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baton.bus.channel import Envelope
from baton.text.charsets import charset_of, decoded
from baton.text.printable import printable
from bot.ingest.cloudevents import parse_events
from bot.ingest.errors import BadInput
from bot.ingest.model import CheckInPing, CloudEvent, Phase, parse_phase
from bot.ingest.payload import MAX_BODY, Batch, decompress

SENDER = "bus"
"""The sender of everything that comes over the bus, as metrics and alerts name it."""
MAX_TEXT = 10_000
"""Bytes of a check-in's body that are stored: its end, where the error stands."""
CHARSETS = ("utf-8", "us-ascii", "binary", "latin-1", "8bit")
"""What clients write into the property of AMQP beside what compresses."""
PREFIXES = ("cloudevents:", "cloudevents_", "ce-")


def parse(key: str, envelope: Envelope, now: float) -> Batch[CheckInPing] | Batch[CloudEvent]:
    """Return what `envelope` holds, which came under the routing key `key` at `now` in Unix
    seconds. Raises BadInput."""
    if len(envelope.body) > MAX_BODY:
        raise BadInput("body", f"may have {MAX_BODY} bytes at most")
    kind, *words = key.split(".")
    if kind == "alert":
        return _events(envelope, decompress(envelope.body, _compression(envelope)))
    if kind == "checkin" and len(words) <= 2:
        return Batch([_check_in(words, envelope, now)])
    raise BadInput("routing key", "must be alert.ANYTHING, checkin.NAME or checkin.NAME.PHASE")


def _events(envelope: Envelope, body: bytes) -> Batch[CloudEvent]:
    return parse_events(envelope.content_type, _attributes(envelope), body, sender=SENDER)


def _check_in(words: Sequence[str], envelope: Envelope, now: float) -> CheckInPing:
    name, phase = [*words, "", ""][:2]
    try:
        body = decompress(envelope.body, _compression(envelope))
    except BadInput:
        body = f"{len(envelope.body)} bytes that cannot be read".encode()
    charset = charset_of(envelope.content_type)
    text = printable(decoded(body[-MAX_TEXT:], charset), lines=True).strip()
    event = _cloudevent(envelope, body)
    if event is not None:
        data = event.data if isinstance(event.data, Mapping) else {}
        name = name or event.subject
        phase = phase or str(data.get("status") or "")
        text = str(data.get("summary") or data.get("message") or "")
    if not name:
        raise BadInput("routing key", "must name the check-in: checkin.NAME")
    return CheckInPing(name, parse_phase(phase or Phase.DONE, "status"), now, text)


def _cloudevent(envelope: Envelope, body: bytes) -> CloudEvent | None:
    """Return the CloudEvent that a check-in is; None if its body is plain text."""
    try:
        (event,) = _events(envelope, body).accepted
    except (BadInput, ValueError):
        return None
    return event


def _compression(envelope: Envelope) -> str:
    """Return how the body is compressed: the header of kombu, whose property has the charset, or
    the property of AMQP."""
    named = envelope.headers.get("compression") or envelope.headers.get("content-encoding") or ""
    return "" if named.lower() in CHARSETS else named


def _attributes(envelope: Envelope) -> Mapping[str, str]:
    found = {}
    for name, value in envelope.headers.items():
        for prefix in PREFIXES:
            if name.lower().startswith(prefix):
                found[name.lower().removeprefix(prefix)] = value
    return found
