"""What strangers may send: every field is bounded, and no bytes do harm."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.bus.bounds import MAX_MESSAGE, MAX_TEXT
from baton.bus.exchanges import agent_queue, host_key
from baton.bus.facts import Facts
from baton.bus.messages import TYPES, Heartbeat, State, Update, decode, encode
from baton.errors import InvalidMessage
from tests.baton.bus.test_messages import messages
from tests.support.quick import INPUT, quickly

AT = "2026-11-24T09:30:01Z"
FACTS: dict[str, Any] = {"host": "web-1", "environment": "prod"}
UPDATE: dict[str, Any] = {
    "job": "j",
    "request": "r",
    "host": "web-1",
    "environment": "prod",
    "command": "deploy",
    "sequence": 1,
    "state": "running",
}
REQUEST: dict[str, Any] = {
    "job": "j",
    "command": "deploy",
    "environment": "prod",
    "deadline": AT,
    "requester": {"id": "U1"},
}


def event(kind: str, **data: Any) -> bytes:
    head = {"specversion": "1.0", "type": f"baton.{kind}", "id": "m", "source": "s", "time": AT}
    return json.dumps({**head, "data": data}).encode()


def beat(interval: object = 15, **facts: Any) -> bytes:
    return event("heartbeat", facts={**FACTS, **facts}, interval=interval)


def nested(levels: int) -> Any:
    inner: Any = 1
    for _ in range(levels):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize(
    "host", ["web_1", "web-1.example.org", "_gw", "10.0.0.1", "x" * 230, "web-1.", "WEB-1"]
)
def test_hosts_as_machines_are_called(host: str) -> None:
    """One rule for all who read a host name: `_` is in it."""
    message = decode(beat(host=host))
    assert isinstance(message, Heartbeat)
    assert message.facts.host == host
    assert len(agent_queue(host).name) <= 255
    assert len(host_key(host)) <= 255


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (beat(host="-x"), "facts.host"),
        (beat(host=""), "facts.host"),
        (beat(host="x" * 231), "facts.host"),
        (beat(host="x" * 5_000), "facts.host"),
        (beat(host="web 1"), "facts.host"),
        (beat(host="web-1\n"), "facts.host"),
        (beat(host="web-\u202e1"), "facts.host"),
        (beat(host="web-\x9b1"), "facts.host"),
        (beat(environment="p" * 65), "facts.environment"),
        (beat(environment="prod.eu"), "facts.environment"),
        (beat(apps=["shop", "sh op"]), "facts.apps.1"),
        (beat(apps=["shop"] * 501), "facts.apps"),
        (beat(commands=["deploy"] * 501), "facts.commands"),
        (beat(checks=["<!here>"]), "facts.checks.0"),
        (beat(details={"text": "x" * 20_000}), "facts.details"),
        (beat(details=nested(40)), "facts.details"),
        (beat(started="0001-01-01T00:00:00+14:00"), "facts.started"),
        (beat(interval=0), "interval"),
        (beat(interval=3601), "interval"),
        (beat(interval="inf"), "interval"),
        (beat().replace(b": 15", b": 1e999"), "interval"),
        (event("update", **{**UPDATE, "attempt": 2**31}), "attempt"),
        (event("update", **{**UPDATE, "attempt": 0}), "attempt"),
        (event("update", **{**UPDATE, "sequence": 2**63}), "sequence"),
        (event("update", **{**UPDATE, "job": "j" * 201}), "job"),
        (event("update", **{**UPDATE, "job": "a b"}), "job"),
        (event("update", **{**UPDATE, "request": ""}), "request"),
        (event("update", **{**UPDATE, "host": "x" * 300}), "host"),
        (event("update", **{**UPDATE, "environment": "<!here>"}), "environment"),
        (event("update", **{**UPDATE, "command": "*evil*"}), "command"),
        (event("update", **{**UPDATE, "facts": nested(40)}), "facts"),
        (event("request", **{**REQUEST, "attempt": 2**63}), "attempt"),
        (event("request", **{**REQUEST, "timeout": "nan"}), "timeout"),
        (event("request", **{**REQUEST, "timeout": 1e12}), "timeout"),
        (event("request", **{**REQUEST, "deadline": "9999-12-31T23:59:59-23:59"}), "deadline"),
        (event("request", **{**REQUEST, "arguments": nested(99)}), "arguments"),
        (event("request", **{**REQUEST, "requester": {"id": "U" * 257}}), "requester.id"),
        (event("cancel", job="j", request="r", attempt=2**63, host="h", requester={"id": "U"}),
         "attempt"),
        (event("pong", job="j", request="r", facts={**FACTS, "host": "x" * 300}), "facts.host"),
        (event("probed", probe="p", host="x" * 300, environment="prod", bad=True), "host"),
        (event("probe", host="h", look={"url": "h" * 3000}, deadline=AT), "look.url"),
    ],
)  # fmt: skip
def test_what_identifies_something_is_bounded(body: bytes, field: str) -> None:
    """It is refused where it comes in, with the name of the field; nobody behind sees it."""
    with pytest.raises(InvalidMessage, match=rf": {field}: ") as raised:
        decode(body)
    assert len(str(raised.value)) < 300


def test_what_is_to_be_read_is_cut() -> None:
    """A long text is no reason to lose the state that it comes with."""
    message = decode(
        event("update", **{**UPDATE, "state": "failed", "text": "x" * 50_000, "step": "y" * 9_000})
    )
    assert isinstance(message, Update)
    assert message.state is State.FAILED
    assert len(message.text) == MAX_TEXT
    assert message.text.endswith("…")
    assert len(message.step) <= 300
    version = decode(beat(version="2.0\x1b[31m\u202e" + "x" * 5_000))
    assert isinstance(version, Heartbeat)
    assert version.facts.version.startswith("2.0xx")
    assert len(version.facts.version) <= 300


def test_an_agent_may_be_told_to_say_what_no_utf_8_has() -> None:
    """Bytes that are no text, as Python keeps them, do not stop what is sent after them."""
    said = Update(**{**UPDATE, "text": "caf\udce9"})
    assert decode(encode(said)) == said


def test_a_time_is_kept_in_utc() -> None:
    """Whatever its offset: no later reckoning leads out of the calendar."""
    body = event("request", **{**REQUEST, "deadline": "2026-11-24T11:30:01+02:00"})
    (deadline,) = [getattr(decode(body), "deadline")]  # noqa: B009
    assert deadline == datetime(2026, 11, 24, 9, 30, 1, tzinfo=UTC)
    assert deadline.utcoffset() == timedelta(0)


def test_all_that_an_agent_may_say_can_be_read() -> None:
    """The largest of what each field may hold is not too large together."""
    names = tuple(f"{number:03}{'n' * 61}" for number in range(500))
    facts = Facts(
        host="h" * 230,
        environment="e" * 64,
        apps=names,
        commands=names,
        checks=names,
        version="v" * 300,
        details={"x": "d" * 16_000},
    )
    assert decode(encode(Heartbeat(facts=facts, interval=15))).type == "baton.heartbeat"
    update = Update(**{**UPDATE, "text": "\x01" * MAX_TEXT, "facts": {"x": "d" * 16_000}})
    assert decode(encode(update)) == update


HOSTILE = {
    "deep lists": b"[" * MAX_MESSAGE,
    "deep objects": b'{"a":' * (MAX_MESSAGE // 5),
    "deep details": beat(details={"a": 1}).replace(b'"a": 1', b'"a": ' + b"[" * 190 + b"]" * 190),
    "many lists": b"[" + b"[]," * (MAX_MESSAGE // 3 - 2) + b"[]]",
    "many keys": b"{" + b",".join(b'"%d":0' % n for n in range(14_000)) + b"}",
    "same keys": b"{" + b'"a":0,' * 20_000 + b'"a":0}',
    "a huge number": b"1" * MAX_MESSAGE,
    "many large numbers": b"[" + b",".join([b"1" * 4_000] * 32) + b"]",
    "many fractions": b"[" + b"1.1e-9," * 18_000 + b"1]",
    "NaN": beat().replace(b": 15", b": NaN"),
    "Infinity": beat().replace(b": 15", b": -Infinity"),
    "a half pair": beat(version="v").replace(b'"v"', b'"\\ud800"'),
    "NUL": beat(version="v").replace(b'"v"', b'"\\u0000"'),
    "no UTF-8": beat(version="v").replace(b'"v"', b'"\xff"'),
    "the type is a list": b'{"specversion":"1.0","type":["a"],"data":{}}',
    "the type is long": b'{"specversion":"1.0","type":"' + b"t" * 90_000 + b'","data":{}}',
    "a number as time": beat().replace(f'"{AT}"'.encode(), b"1e300"),
    "many names": beat(apps=["a"] * 20_000),
    "many errors": beat(apps=["-"] * 20_000),
    "a long text": event("update", **{**UPDATE, "text": "\x1b[31m" * 8_000}),
    "a long line": beat(version="\x1b[" * 12_000),
    "wide details": beat(details={str(n): {} for n in range(8_000)}),
    "too large": b" " * (MAX_MESSAGE + 1),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_hostile_takes_long(case: str) -> None:
    """A message, or invalid, within 50 ms of processor: the loop serves everybody else."""
    quickly(lambda: decode(HOSTILE[case]), InvalidMessage, within=INPUT / 2)


def test_what_is_too_large_is_not_even_looked_at() -> None:
    """It says how large it may be."""
    with pytest.raises(InvalidMessage, match=f"at most {MAX_MESSAGE} are read"):
        decode(beat() + b" " * MAX_MESSAGE)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_invalid(body: bytes) -> None:
    """Nothing that arrives can raise anything else."""
    with contextlib.suppress(InvalidMessage):
        decode(body)


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", AT, "x" * 300, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@pytest.mark.slow
@given(st.sampled_from(sorted(TYPES)), st.data())
def test_any_values_in_the_fields_are_a_message_or_invalid(kind: str, data: st.DataObject) -> None:
    """What can be read can be written again and read as the same."""
    fields = [*TYPES[kind].model_fields]
    drawn = data.draw(st.dictionaries(st.sampled_from(fields), values))
    facts = data.draw(st.dictionaries(st.sampled_from([*Facts.model_fields]), values))
    known = {**UPDATE, **REQUEST, "facts": {**FACTS, **facts}, "interval": 5, "look": {}}
    more: dict[str, Any] = {"probe": "p", "bad": True}
    whole = {**known, **more, **drawn}
    head = {name: whole.pop(name) for name in ("id", "source", "time") if name in whole}
    body = json.dumps({"specversion": "1.0", "type": kind, **head, "data": whole}).encode()
    try:
        message = decode(body)
    except InvalidMessage:
        return
    assert decode(encode(message)) == message


@given(messages, st.data())
def test_a_message_with_a_broken_byte_is_a_message_or_invalid(message: Any, data: Any) -> None:
    """As a line that fails might leave it."""
    body = bytearray(encode(message))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(InvalidMessage):
        decode(bytes(body))


def test_the_same_rule_at_both_ends() -> None:
    """What no bot would take no agent can make."""
    with pytest.raises(ValidationError):
        Facts(host="x" * 5_000, environment="prod")
