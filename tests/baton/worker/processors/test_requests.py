"""A build request reads the same in an interpreter of its own and in the worker."""

from __future__ import annotations

from typing import Any

import pytest

from baton.worker.processors import child
from baton.worker.processors.requests import build_of, values_of
from baton.worker.pybit.build_request import BuildRequest, decode, encode
from baton.worker.work import Work
from tests.baton.worker.stage import work

FULL = {
    "id": 7,
    "package": "html2pdf",
    "version": "1.4",
    "uri": "http://cnx.org/content/m9003",
    "method": "http",
    "arch": "any",
    "suite": "latex",
    "dist": "cnx",
    "format": "pdf",
    "build_env": "wheezy",
    "web_host": "pybit.example.com",
    "commands": "make",
}
GETTERS = [
    "get_job_id",
    "get_package",
    "get_version",
    "get_arch",
    "get_suite",
    "get_dist",
    "get_format",
    "get_buildenv",
    "get_buildstamp",
]


def of_pybit(fields: dict[str, Any]) -> BuildRequest:
    request = decode(encode(fields))
    assert isinstance(request, BuildRequest)
    return request


@pytest.mark.parametrize("fields", [FULL, {"id": "b-7"}, {**FULL, "suite": None}])
def test_both_mirrors_of_a_build_request_say_the_same(fields: dict[str, Any]) -> None:
    """Whoever moves a callable from one to the other sees no difference."""
    here = of_pybit(fields)
    there = child.BuildRequest(here.plain())
    for getter in GETTERS:
        assert getattr(there, getter)() == getattr(here, getter)()
    assert there.plain() == here.plain()
    assert there.web_host == here.web_host
    assert there.job.packageinstance.package.name == here.job.packageinstance.package.name
    assert there.transport.uri == here.transport.uri
    for request in (here, there):
        with pytest.raises(AttributeError):
            _ = request.no_such
        with pytest.raises(AttributeError):
            request.job.id = 8
        assert request.stamp_request() == request.get_buildstamp()
        assert isinstance(request.get_buildstamp(), int)
        assert request.plain()["timestamp"] == request.get_buildstamp()


def test_placeholders_stand_for_the_values_of_the_build_request() -> None:
    values = values_of(Work("j1", 1, "pdf", "report", {}, of_pybit(FULL)))
    assert values == {
        "ID": 7,
        "PACKAGE": "html2pdf",
        "VERSION": "1.4",
        "URI": "http://cnx.org/content/m9003",
        "SUITE": "latex",
        "FORMAT": "pdf",
        "DIST": "cnx",
        "ARCH": "any",
    }


def test_a_job_of_ours_is_a_build_request_of_its_arguments() -> None:
    """An argument by the name of one of PyBit's values gives it; the package is the runner."""
    asked = work(month="may", version="2", uri="http://x/y", suite="latex", dist="d", arch="any")
    values = values_of(asked)
    assert (values["ID"], values["PACKAGE"], values["VERSION"]) == ("j1", "report", "2")
    assert (values["URI"], values["SUITE"], values["DIST"]) == ("http://x/y", "latex", "d")
    assert values["FORMAT"] is None
    assert values["args.month"] == "may"
    assert build_of(asked).plain()["arguments"] == dict(asked.arguments)
