"""The wire contract: how messages are written, and what is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baton.bus.facts import Facts
from baton.bus.messages import (
    TYPES,
    Cancel,
    Discover,
    Heartbeat,
    Look,
    Message,
    Person,
    Pong,
    Probe,
    Probed,
    Request,
    State,
    Update,
    decode,
    encode,
    new_id,
)
from baton.errors import InvalidMessage, UnknownType

AT = datetime(2026, 11, 24, 9, 30, 1, 250000, UTC)
ENVELOPE: dict[str, Any] = {"id": "m1", "source": "web-1", "time": AT}
GOLDEN = {
    "baton.request": Request(
        **ENVELOPE,
        job="j1",
        command="deploy",
        arguments={"app": "shop", "ref": None},
        environment="prod",
        host="web-1",
        deadline=AT,
        requester=Person(id="U_ANN", name="ann"),
    ),
    "baton.update": Update(
        **ENVELOPE,
        job="j1",
        request="r1",
        host="web-1",
        environment="prod",
        command="deploy",
        sequence=3,
        state=State.RUNNING,
        text="größer",
        step="build",
        percent=40,
        facts={"release": "v2"},
    ),
}
WRITTEN = {
    "baton.request": {
        "specversion": "1.0",
        "type": "baton.request",
        "id": "m1",
        "source": "web-1",
        "time": "2026-11-24T09:30:01.250000Z",
        "data": {
            "job": "j1",
            "command": "deploy",
            "arguments": {"app": "shop", "ref": None},
            "environment": "prod",
            "host": "web-1",
            "attempt": 1,
            "deadline": "2026-11-24T09:30:01.250000Z",
            "timeout": 900.0,
            "requester": {"id": "U_ANN", "name": "ann", "standing": "member"},
            "plan": None,
            "fence": None,
            "approvals": [],
        },
    },
    "baton.update": {
        "specversion": "1.0",
        "type": "baton.update",
        "id": "m1",
        "source": "web-1",
        "time": "2026-11-24T09:30:01.250000Z",
        "data": {
            "job": "j1",
            "request": "r1",
            "attempt": 1,
            "host": "web-1",
            "environment": "prod",
            "command": "deploy",
            "sequence": 3,
            "state": "running",
            "level": "info",
            "text": "größer",
            "step": "build",
            "percent": 40,
            "facts": {"release": "v2"},
        },
    },
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_how_a_message_is_written(kind: str) -> None:
    """CloudEvents 1.0, structured mode: other programs read this, so it must not drift."""
    assert json.loads(encode(GOLDEN[kind])) == WRITTEN[kind]
    assert decode(json.dumps(WRITTEN[kind]).encode()) == GOLDEN[kind]


def test_unknown_fields_are_ignored() -> None:
    """A newer sender can talk to an older receiver, in the envelope and in what it carries."""
    event = json.loads(json.dumps(WRITTEN["baton.request"]))
    event["traceparent"] = "00-1-1-01"
    event["data"]["colour"] = "red"
    event["data"]["requester"]["team"] = "ops"
    assert decode(json.dumps(event).encode()) == GOLDEN["baton.request"]


def test_unknown_types_have_an_error_of_their_own() -> None:
    """It names the type; it is an InvalidMessage too."""
    with pytest.raises(UnknownType, match=r"its type is 'org\.example\.other'"):
        decode(b'{"specversion":"1.0","type":"org.example.other","data":{}}')


INVALID = [
    (b"", "it is not JSON"),
    (b"\xff\xfe", "it is not JSON"),
    (b"[" * 10_000, "it is not JSON"),
    (b"[]", "no|not a CloudEvents"),
    (b'{"type":"baton.request"}', "not a CloudEvents"),
    (b'{"specversion":"0.3","type":"baton.request","data":{}}', "not a CloudEvents"),
    (b'{"specversion":"1.0","type":"baton.discover"}', "an object in its field data"),
    (b'{"specversion":"1.0","type":"baton.discover","data":[]}', "an object in its field data"),
    (b'{"specversion":"1.0","type":"baton.discover","time":"noon","data":{}}', "time: "),
    (
        json.dumps(WRITTEN["baton.update"]).replace('"sequence": 3', '"sequence": 0').encode(),
        "sequence: ",
    ),
]


@pytest.mark.parametrize(("body", "reason"), INVALID)
def test_an_invalid_message_says_what_is_wrong(body: bytes, reason: str) -> None:
    """Never another kind of error, whatever the bytes are."""
    with pytest.raises(InvalidMessage) as raised:
        decode(body)
    assert any(part in str(raised.value) for part in reason.split("|"))
    assert raised.value.permanent


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
id = st.from_regex(r"[!-~]{1,20}", fullmatch=True)
line = st.text(st.characters(categories=["L", "N", "P"]), max_size=40)
name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
host = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,40}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, json_values, max_size=4)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
envelope: dict[str, Any] = {"id": id, "source": line, "time": times}
people = st.builds(Person, id=id, name=line)
facts = st.builds(
    Facts,
    host=host,
    environment=name,
    apps=st.lists(name, max_size=3).map(tuple),
    commands=st.lists(name, max_size=3).map(tuple),
    checks=st.none() | st.lists(name, max_size=3).map(tuple),
    version=line,
    started=st.none() | times,
    details=objects,
)
looks = st.builds(
    Look,
    url=st.sampled_from(("", "http://localhost:8080/health?a=b", "https://é.example")),
    tcp=st.sampled_from(("", "db-1:5432", "[::1]:80")),
    check=text,
    timeout=st.floats(0.1, 3600),
    status=st.lists(st.integers(100, 599), max_size=3).map(tuple),
    body=text,
    latency=st.none() | st.floats(0.1, 60),
    tls_days=st.integers(0, 365),
)
messages = st.one_of(
    st.builds(
        Request,
        **envelope,
        job=id,
        command=name,
        arguments=objects,
        environment=name,
        host=st.none() | host,
        attempt=st.integers(1, 99),
        deadline=times,
        timeout=st.floats(0.1, 1e6),
        requester=people,
    ),
    st.builds(Cancel, **envelope, job=id, request=id, host=host, requester=people),
    st.builds(
        Update,
        **envelope,
        job=id,
        request=id,
        host=host,
        environment=name,
        command=name,
        sequence=st.integers(1, 2**31 - 1),
        state=st.sampled_from(State),
        level=st.sampled_from(["info", "success", "error", "log"]),
        text=text,
        step=line,
        percent=st.none() | st.integers(0, 100),
        facts=objects,
    ),
    st.builds(Pong, **envelope, job=id, request=id, facts=facts),
    st.builds(Heartbeat, **envelope, facts=facts, interval=st.floats(0.1, 3600)),
    st.builds(Discover, **envelope),
    st.builds(Probe, **envelope, host=host, look=looks, deadline=times),
    st.builds(
        Probed, **envelope, probe=id, host=host, environment=name, bad=st.booleans(), text=text
    ),
)


@given(messages)
def test_what_is_written_is_read(message: Message) -> None:
    """Every message, of every kind, comes back equal."""
    assert decode(encode(message)) == message


def test_each_kind_is_known_by_its_type() -> None:
    """The types are part of the contract."""
    assert sorted(TYPES) == [
        "baton.cancel",
        "baton.discover",
        "baton.heartbeat",
        "baton.pong",
        "baton.probe",
        "baton.probed",
        "baton.request",
        "baton.survey",
        "baton.surveyed",
        "baton.update",
    ]


def test_ids_are_many_and_easy_to_read() -> None:
    """16 characters without look-alikes, and no two the same."""
    ids = {new_id() for _ in range(5000)}
    assert len(ids) == 5000
    assert {len(each) for each in ids} == {16}
    assert set("".join(ids)) == set("0123456789abcdefghjkmnpqrstvwxyz")


def test_the_runners_of_a_worker_fit_into_its_heartbeats() -> None:
    """Each is bounded, their number is, and their size together: what is too much is refused."""
    one = {"name": "report", "queue": "reports", "arguments": {"month": {"type": "text"}}}
    facts = {"host": "worker.a", "environment": "prod"}
    assert Facts.model_validate({**facts, "runners": [one]}).runners[0].queue == "reports"
    big = {**one, "arguments": {"month": {"of": ["x" * 70] * 100}}}
    for runners in ([one] * 101, [big] * 10, [{**one, "queue": "a.#"}], [{**one, "retry": -1}]):
        with pytest.raises(ValidationError):
            Facts.model_validate({**facts, "runners": runners})


def test_final_states() -> None:
    """These nine end a run, and no other."""
    assert {state.value for state in State if state.final} == {
        "succeeded",
        "failed",
        "refused",
        "cancelled",
        "expired",
        "unroutable",
        "blocked",
        "interrupted",
        "lost",
    }
