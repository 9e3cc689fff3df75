"""PyBit's build requests and orders to cancel."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from baton.errors import InvalidMessage
from baton.worker import work
from baton.worker.pybit.build_request import (
    BuildRequest,
    CancelRequest,
    decode,
    encode,
)

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text())

FIELDS = {
    "id": 41,
    "package": "shop",
    "version": "1.2",
    "uri": "http://src.example.com/a?b=c",
    "method": "http",
    "arch": "any",
    "suite": "latex",
    "dist": "cnx",
    "format": "pdf",
}


@pytest.mark.parametrize("version", RECORDED)
def test_a_build_request_answers_what_pybits_own_answers(version: str) -> None:
    request = decode(RECORDED[version]["plain"].encode())
    assert isinstance(request, BuildRequest)
    assert request.get_job_id() == 41
    assert request.get_package() == "shop"
    assert request.get_version() == "1.2"
    assert request.get_arch() == "any"
    assert request.get_suite() == "latex"
    assert request.get_dist() == "cnx"
    assert request.get_format() == "pdf"
    assert request.job.packageinstance.master is True
    assert request.transport.uri == "http://src.example.com/a?b=c"
    assert request.web_host == "pybit.example.com"


@pytest.mark.parametrize("version", RECORDED)
def test_an_order_to_cancel_names_its_job(version: str) -> None:
    order = decode(RECORDED[version]["cancel"].encode())
    assert isinstance(order, CancelRequest)
    assert order.job_id == "41"


def test_what_a_version_of_pybit_leaves_out_is_none() -> None:
    """rbit's sample has `commands` and no `build_env`; later ones have `build_env`."""
    bare = decode(b'{"py/object": "pybit.models.BuildRequest", "job": {"py/object": "J", "id": 1}}')
    assert isinstance(bare, BuildRequest)
    assert bare.get_package() is bare.get_buildenv() is bare.commands is bare.web_host is None
    assert bare.get_buildstamp() is None
    full = made(build_env="wheezy", commands="make")
    assert (full.get_buildenv(), full.commands) == ("wheezy", "make")


def made(**more: object) -> BuildRequest:
    request = decode(encode({**FIELDS, **more}))
    assert isinstance(request, BuildRequest)
    return request


def test_a_stamp_is_what_rbit_gave_a_runner_and_changes_nothing_else() -> None:
    request = made()
    before = request.plain()
    request.stamp_request()
    stamp = request.get_buildstamp()
    assert isinstance(stamp, int)
    assert abs(stamp - time.time()) < 60
    assert request.timestamp == stamp
    assert request.plain() == {**before, "timestamp": stamp}


def test_fields_that_are_unknown_here_can_be_read() -> None:
    tree = json.loads(encode(FIELDS))
    tree["colour"] = {"py/object": "acme.Colour", "rgb": [1, 2, 3]}
    request = decode(json.dumps(tree).encode())
    assert isinstance(request, BuildRequest)
    assert request.colour.rgb == (1, 2, 3)
    assert request.plain()["colour"] == {"rgb": [1, 2, 3]}
    with pytest.raises(AttributeError):
        request.job = None  # type: ignore[attr-defined]


def test_what_is_written_is_what_jsonpickle_reads_with_pybits_own_names() -> None:
    tree, recorded = json.loads(encode(FIELDS)), json.loads(RECORDED["4.1.4"]["plain"])
    assert tree["py/object"] == recorded["py/object"]
    assert tree["job"]["packageinstance"].keys() >= recorded["job"]["packageinstance"].keys()
    assert tree["transport"]["py/object"] == recorded["transport"]["py/object"]


def test_it_is_what_a_runner_is_given() -> None:
    held: work.BuildRequest = made()
    assert held.plain()["timestamp"] is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '{"py/object": "pybit.models.StatusRequest"}',
            "it is pybit.models.StatusReq",
        ),
        ("[]", "it is no object"),
        ('{"py/object": "BuildRequest"}', "job.id is no id of a job"),
        ('{"py/object": "BuildRequest", "job": {"py/object": "J", "id": "../x"}}', "no id of a"),
        ('{"py/object": "BuildRequest", "job": {"py/object": "J", "id": true}}', "no id of a job"),
        ('{"py/object": "BuildRequest", "job": {"py/object": "J", "id": [1]}}', "no id of a job"),
        ('{"py/object": "CancelRequest", "job": {"id": 1}}', "no id of a job"),
    ],
)
def test_another_message_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidMessage) as error:
        decode(text.encode())
    assert reason in str(error.value)
