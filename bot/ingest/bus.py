"""What others tell over the bus, read. Pure.

A key that begins with `alert` means CloudEvents, in any mode that cloudevents.py knows; the
attributes of the binary mode are in headers called `cloudEvents:NAME`, `cloudEvents_NAME` or
`ce-NAME`. `checkin.NAME` and `checkin.NAME.PHASE` are a sign of life, of which the body may tell
in words; it may be a CloudEvent too, whose data has `status` and `summary`. Names will do here:
whoever may publish was let in by the broker, and a token in a key would be read by everybody.

github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baton.channel import Envelope
from baton.text.charsets import charset_of, decoded
from baton.text.printable import printable
from bot.ingest.cloudevents import read
from bot.ingest.errors import BadInput
from bot.ingest.model import CheckIn, Event, Phase, phase_of
from bot.ingest.payload import LARGEST, Batch, inflated

SENDER = "bus"
"""How whoever tells over the bus is called."""
MOST_TEXT = 10_000
"""Bytes of a check-in's body that are kept: its end, where the error stands."""
CHARSETS = ("utf-8", "us-ascii", "binary", "latin-1", "8bit")
"""What clients write into the property of AMQP beside what compresses."""
PREFIXES = ("cloudevents:", "cloudevents_", "ce-")


def letter(key: str, envelope: Envelope, now: float) -> Batch[CheckIn] | Batch[Event]:
    """What `envelope`, which came under `key` at `now` in Unix seconds, tells. Raises BadInput."""
    if len(envelope.body) > LARGEST:
        raise BadInput("body", f"may have {LARGEST} bytes at most")
    kind, *words = key.split(".")
    if kind == "alert":
        return _events(envelope, inflated(envelope.body, _compression(envelope)))
    if kind == "checkin" and len(words) <= 2:
        return Batch([_check_in(words, envelope, now)])
    raise BadInput("routing key", "must be alert.ANYTHING, checkin.NAME or checkin.NAME.PHASE")


def _events(envelope: Envelope, body: bytes) -> Batch[Event]:
    return read(envelope.content_type, _attributes(envelope), body, sender=SENDER)


def _check_in(words: Sequence[str], envelope: Envelope, now: float) -> CheckIn:
    name, phase = [*words, "", ""][:2]
    try:
        body = inflated(envelope.body, _compression(envelope))
    except BadInput:
        body = f"{len(envelope.body)} bytes that cannot be read".encode()
    charset = charset_of(envelope.content_type)
    text = printable(decoded(body[-MOST_TEXT:], charset), lines=True).strip()
    event = _told(envelope, body)
    if event is not None:
        data = event.data if isinstance(event.data, Mapping) else {}
        name = name or event.subject
        phase = phase or str(data.get("status") or "")
        text = str(data.get("summary") or data.get("message") or "")
    if not name:
        raise BadInput("routing key", "must name the check-in: checkin.NAME")
    return CheckIn(name, phase_of(phase or Phase.DONE, "status"), now, text)


def _told(envelope: Envelope, body: bytes) -> Event | None:
    """The CloudEvent that a check-in is, if it is one: words will do too."""
    try:
        (event,) = _events(envelope, body).taken
    except (BadInput, ValueError):
        return None
    return event


def _compression(envelope: Envelope) -> str:
    """How the body is compressed: the header of kombu, whose property has the charset, or the
    property of AMQP."""
    told = envelope.headers.get("compression") or envelope.headers.get("content-encoding") or ""
    return "" if told.lower() in CHARSETS else told


def _attributes(envelope: Envelope) -> Mapping[str, str]:
    found = {}
    for name, value in envelope.headers.items():
        for prefix in PREFIXES:
            if name.lower().startswith(prefix):
                found[name.lower().removeprefix(prefix)] = value
    return found
