"""What others tell over the bus, read. Pure.

A key that begins with `alert` means CloudEvents, in any mode that bot.web.events knows; the
attributes of the binary mode are in headers called `cloudEvents:NAME`, `cloudEvents_NAME` or
`ce-NAME`. `checkin.NAME` and `checkin.NAME.PHASE` are a sign of life, of which the body may tell
in words; it may be a CloudEvent too, whose data has `status` and `summary`. Names will do here:
whoever may publish was let in by the broker, and a token in a key would be read by everybody.

github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baton.channel import Envelope
from bot.web.events import BATCH, STRUCTURED, read
from bot.web.intake import CheckIn, Event, Phase, phase_of
from bot.web.refusals import BadInput

SENDER = "bus"
"""How whoever tells over the bus is called."""
LARGEST = 1_000_000
"""Bytes of a body, at most."""
MOST_TEXT = 10_000
"""Bytes of a check-in's body that are kept: its end, where the error stands."""
PREFIXES = ("cloudevents:", "cloudevents_", "ce-")

Letter = CheckIn | Sequence[Event]


def letter(key: str, envelope: Envelope, now: float) -> Letter:
    """What `envelope`, which came under `key` at `now` in Unix seconds, tells. Raises BadInput."""
    if len(envelope.body) > LARGEST:
        raise BadInput("body", f"may have {LARGEST} bytes at most")
    kind, *words = key.split(".")
    if kind == "alert":
        return _events(envelope)
    if kind == "checkin" and len(words) <= 2:
        return _check_in(words, envelope, now)
    raise BadInput("routing key", "must be alert.ANYTHING, checkin.NAME or checkin.NAME.PHASE")


def _events(envelope: Envelope) -> list[Event]:
    return read(_kind(envelope), _attributes(envelope), envelope.body, sender=SENDER)


def _check_in(words: Sequence[str], envelope: Envelope, now: float) -> CheckIn:
    name, phase = [*words, "", ""][:2]
    text = envelope.body[-MOST_TEXT:].decode(errors="replace").strip()
    event = _told(envelope)
    if event is not None:
        data = event.data if isinstance(event.data, Mapping) else {}
        name = name or event.subject
        phase = phase or str(data.get("status") or "")
        text = str(data.get("summary") or data.get("message") or "")
    if not name:
        raise BadInput("routing key", "must name the check-in: checkin.NAME")
    return CheckIn(name, phase_of(phase or Phase.DONE, "status"), now, text)


def _told(envelope: Envelope) -> Event | None:
    """The CloudEvent that a check-in is, if it is one: words will do too."""
    try:
        (event,) = _events(envelope)
    except (BadInput, ValueError):
        return None
    return event


def _kind(envelope: Envelope) -> str:
    """The content type; if nothing is said of it, the body shows it."""
    kind = envelope.content_type.partition(";")[0].strip().lower()
    first = envelope.body.lstrip()[:1]
    if kind in ("", "application/json", STRUCTURED) and not _attributes(envelope):
        return {b"[": BATCH, b"{": STRUCTURED}.get(first, kind)
    return kind


def _attributes(envelope: Envelope) -> Mapping[str, str]:
    found = {}
    for name, value in envelope.headers.items():
        for prefix in PREFIXES:
            if name.lower().startswith(prefix):
                found[name.lower().removeprefix(prefix)] = value
    return found
