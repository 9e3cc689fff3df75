"""The status of PyBit's jobs goes to the address in the settings, and its failure hurts no job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import respx
from pydantic import SecretStr
from structlog.testing import capture_logs

from baton.worker.pybit.build_request import BuildRequest, decode, encode
from baton.worker.pybit.status import MOST, Status, StatusReports
from baton.worker.settings import PybitTable
from tests.support.web import answering

OURS = PybitTable(url="https://pybit.example.com/", user="worker", password=SecretStr("s3cret"))


def build(job: object = 41) -> BuildRequest:
    made = decode(encode({"id": job, "package": "shop", "web_host": "evil.example.com"}))
    assert isinstance(made, BuildRequest)
    return made


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as mocked:
        yield mocked


@pytest.fixture
async def reports() -> AsyncIterator[StatusReports]:
    made = StatusReports(OURS, pauses=(0.0, 0.0))
    yield made
    await made.close()


def asked(router: respx.MockRouter) -> list[tuple[str, str]]:
    return [(str(call.request.url), call.request.content.decode()) for call in router.calls]


async def test_each_status_goes_to_our_address_in_order(
    router: respx.MockRouter, reports: StatusReports
) -> None:
    """The message says evil.example.com: nothing goes there."""
    router.put(host="pybit.example.com").respond(200)
    reports.report(build(41), Status.BUILDING)
    reports.report(build("a-b"), Status.BLOCKED)
    reports.report(build(41), Status.DONE)
    await reports.close()
    assert asked(router) == [
        ("https://pybit.example.com/job/41", "status=Building"),
        ("https://pybit.example.com/job/a-b", "status=Blocked"),
        ("https://pybit.example.com/job/41", "status=Done"),
    ]
    assert router.calls[0].request.headers["authorization"].startswith("Basic ")


async def test_without_an_address_nothing_is_reported(router: respx.MockRouter) -> None:
    reports = StatusReports(PybitTable(cancels="bob"))
    reports.report(build(), Status.DONE)
    await reports.close()
    assert not router.calls


@pytest.mark.parametrize(
    ("answers", "tries", "problem"),
    [
        ([httpx.Response(503), httpx.Response(204)], 2, ""),
        ([httpx.ConnectError("refused"), httpx.Response(200)], 2, ""),
        ([httpx.Response(500)] * 5, 3, "it answered 500"),
        ([httpx.Response(401)] * 5, 1, "it answered 401"),
        ([httpx.Response(302, headers={"Location": "http://evil.example.com/"})], 1, "302"),
    ],
)
async def test_a_try_that_may_help_is_made_again_and_then_it_is_logged(
    answers: list[httpx.Response | Exception],
    tries: int,
    problem: str,
    router: respx.MockRouter,
    reports: StatusReports,
) -> None:
    router.put(host="pybit.example.com").mock(side_effect=answers)
    with capture_logs() as logs:
        reports.report(build(), Status.FAILED)
        await reports.close()
    assert len(asked(router)) == tries
    assert [problem in str(entry["reason"]) for entry in logs] == ([True] if problem else [])
    assert "s3cret" not in str(logs)


async def test_more_than_can_wait_is_dropped_oldest_first(
    router: respx.MockRouter, reports: StatusReports
) -> None:
    router.put(host="pybit.example.com").respond(200)
    with capture_logs() as logs:
        for job in range(MOST + 2):
            reports.report(build(job), Status.DONE)
    assert [entry["job"] for entry in logs] == ["0", "1"]
    await reports.close()
    assert len(asked(router)) == MOST


async def test_an_address_that_never_answers_does_not_hold_the_worker_up() -> None:
    async with answering() as server:
        server.silent.clear()
        reports = StatusReports(PybitTable(url=server.url))
        with capture_logs() as logs:
            reports.report(build(), Status.DONE)
            async with asyncio.timeout(10):
                await reports.close(within=0.05)
    assert [entry["event"] for entry in logs] == ["status of jobs not reported to PyBit"]
