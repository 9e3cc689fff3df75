"""One request: what each answer means, and what is tried again."""

from __future__ import annotations

import json

import httpx
import pytest

from baton.client import (
    ClientError,
    Conflict,
    NotAllowed,
    NotDone,
    NotFound,
    NotSignedIn,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from baton.errors import BatonError, UsageError
from tests.baton.client.consoles import URL, Script, Waits, client, problem

ME = httpx.Response(200, json={"id": "U1", "name": "ann", "directory": "slack"})


async def test_a_request_bears_the_token() -> None:
    script = Script(ME)
    async with client(script) as console:
        assert (await console.me())["name"] == "ann"
    (request,) = script.requests
    assert str(request.url) == f"{URL}/api/v1/me"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["user-agent"].startswith("baton/")


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (problem(401, "The token has ended."), NotSignedIn, "The token has ended. Get a token in"),
        (httpx.Response(401), NotSignedIn, f"baton login {URL}"),
        (problem(403, "Only ops may deploy."), NotAllowed, "^Only ops may deploy.$"),
        (problem(404, "No job has this id."), NotFound, "^No job has this id.$"),
        (problem(409, "Other words."), Conflict, "^Other words.$"),
        (problem(422, "No such app.", field="app"), UsageError, "^No such app.$"),
        (problem(429, "Slower.", seconds=60), TooManyRequests, "^Slower.$"),
        (problem(500, "It has no agent."), NotDone, "^It has no agent.$"),
        (problem(413, "Too large."), NotDone, "^Too large.$"),
        (httpx.Response(404, json={"detail": "Not Found"}), UnexpectedAnswer, "HTTP 404"),
        (httpx.Response(302, headers={"location": "/x"}), UnexpectedAnswer, "a redirect to /x"),
        (httpx.Response(200, html="<p>Sign in</p>"), UnexpectedAnswer, "no JSON"),
        (httpx.Response(200, json=[]), UnexpectedAnswer, "no person"),
        (problem(503, "Nothing was done."), Unavailable, "Nothing was done."),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] x"), Unreachable, "CERTIFICATE"),
    ],
)
async def test_every_answer_is_an_error_in_plain_words(
    answer: httpx.Response | Exception, error: type[BatonError], told: str
) -> None:
    """The console's own words are kept; what is no answer of a console is said to be none."""
    async with client(Script(answer)) as console:
        with pytest.raises(error, match=told) as raised:
            await console.me()
    assert "t0ken" not in str(raised.value)


async def test_each_field_that_is_wrong_is_named() -> None:
    """Also if there are several."""
    errors = [{"field": "limit", "detail": "at most 200"}, {"field": "since", "detail": "a time"}]
    answer = problem(422, "Two values cannot be used.", errors=errors)
    async with client(Script(answer)) as console:
        with pytest.raises(UsageError, match="limit: at most 200\nsince: a time"):
            await console.jobs(limit=1000)


async def test_a_console_that_restarts_is_tried_again() -> None:
    """An ask is sent again under the same key, so it is one ask; the person hears of the wait."""
    waits = Waits()
    reply = httpx.Response(200, json={"ok": True, "job": "job1"})
    refused, away = httpx.ConnectError("Connection refused"), httpx.Response(502)
    script = Script(refused, away, problem(429, seconds=7), reply)
    async with client(script, waits) as console:
        assert (await console.ask("deploy shop prod")).job == "job1"
    keys = {request.headers["idempotency-key"] for request in script.requests}
    bodies = {request.content for request in script.requests}
    assert (len(script.requests), len(keys)) == (4, 1)
    assert [json.loads(body) for body in bodies] == [{"text": "deploy shop prod"}]
    assert waits.waited[2] >= 7
    assert waits.notices == [
        f"The console at {URL} does not answer (Connection refused). Trying again.",
        f"The console at {URL} answers again.",
    ]


async def test_a_console_that_stays_away_is_an_error_with_a_time() -> None:
    """It says since when, why, and that nobody knows what became of the ask."""
    waits = Waits()
    async with client(Script(httpx.ReadTimeout("")), waits) as console:
        with pytest.raises(Unreachable, match=r"since \d\d:\d\d:\d\d: no answer in time. Whether"):
            await console.ask("deploy shop prod")
        with pytest.raises(ClientError, match=r"no answer in time.$"):
            await console.me()
    assert 5 < sum(waits.waited) <= 2 * console._http.patience.request


async def test_a_proxy_whose_console_stays_away_has_not_answered() -> None:
    """What became of the ask is not known, unlike after a 503 of the console itself."""
    for away in (httpx.Response(504, html="<p>Gateway</p>"), httpx.Response(503)):
        async with client(Script(away)) as console:
            with pytest.raises(Unreachable, match=rf"HTTP {away.status_code}. Whether it was acc"):
                await console.ask("deploy shop prod")
    later = httpx.Response(503, headers={"retry-after": "3600"})
    async with client(Script(later)) as console:
        with pytest.raises(Unreachable):
            await console.ask("deploy shop prod")


async def test_a_console_that_asks_to_wait_does_answer() -> None:
    waits = Waits()
    async with client(Script(problem(429, "30 requests a minute.", seconds=7), ME), waits) as one:
        await one.me()
    assert waits.notices[0] == (
        f"The console at {URL} asks us to wait (30 requests a minute). Trying again."
    )


async def test_what_is_no_job_is_unexpected() -> None:
    """The part that is missing is named."""
    async with client(Script(httpx.Response(200, json={"runs": []}))) as console:
        with pytest.raises(UnexpectedAnswer, match="job: id"):
            await console.job("../me")
