from __future__ import annotations

import re

from baton.bus.api import to_envelope
from baton.bus.facts import Facts
from baton.bus.messages import Discover, Pong


def pong(job: str) -> Pong:
    return Pong(job=job, request="r1", facts=Facts(host="web-1", environment="prod"))


def test_the_attributes_of_the_event_are_mirrored_in_amqp_properties() -> None:
    """Who looks at a queue sees what a message is without reading its body."""
    message = pong("j1")
    envelope = to_envelope(message)
    assert (envelope.id, envelope.type, envelope.correlation) == (message.id, "baton.pong", "j1")
    assert envelope.timestamp == message.time.timestamp()


def test_all_messages_of_a_job_are_one_trace() -> None:
    """The header is W3C Trace Context: the job is the trace, each message a span of its own."""
    one, two, other = (
        to_envelope(pong(job)).headers["traceparent"].split("-") for job in ("j1", "j1", "j2")
    )
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", "-".join(one))
    assert one[1] == two[1] != other[1]
    assert one[2] != two[2]


def test_what_belongs_to_no_job_has_no_trace() -> None:
    """A heartbeat is no part of anything."""
    assert to_envelope(Discover()).headers == {}
