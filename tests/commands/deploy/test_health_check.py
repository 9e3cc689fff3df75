"""Whether an app is well, by what its address answers. Sockets are real only where they matter:
nobody listens, nobody answers, a proxy is named."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
import respx

from baton.bus.messages import State
from commands.deploy.health_check import answer_problem, persistent
from commands.deploy.settings import HealthSettings
from tests.commands.conftest import MakeKit
from tests.support.ports import free_port
from tests.support.web import answering

URL = "http://shop.example.com/health"


async def test_an_answer_is_judged_by_status_and_content(respx_mock: respx.MockRouter) -> None:
    """The status must be the one wanted, and the text must be in the body."""
    asked = respx_mock.get(URL).respond(503, text="starting")
    assert await answer_problem(HealthSettings(url=URL), {}) == "health check answered 503, not 200"
    assert await answer_problem(HealthSettings(url=URL, status=503), {}) == ""
    asked.respond(200, text="version abc")
    assert (
        await answer_problem(HealthSettings(url=URL, contains="{commit}"), {"commit": "abc"}) == ""
    )
    wrong = await answer_problem(HealthSettings(url=URL, contains="{commit}"), {"commit": "def"})
    assert wrong == "health check answered 200, without “def” in it"
    assert asked.call_count == 4


async def test_the_address_can_hold_placeholders(respx_mock: respx.MockRouter) -> None:
    """What is asked for can depend on what was deployed."""
    asked = respx_mock.get("http://shop.example.com/shop").respond(200)
    await answer_problem(HealthSettings(url="http://shop.example.com/{app}"), {"app": "shop"})
    assert asked.called


async def test_a_redirection_is_an_answer_like_any_other(respx_mock: respx.MockRouter) -> None:
    """A check is not led elsewhere: another address would be no route, and fail the test."""
    respx_mock.get(URL).respond(302, headers={"Location": "http://other.example.com/"})
    assert await answer_problem(HealthSettings(url=URL), {}) == "health check answered 302, not 200"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.RemoteProtocolError("illegal status line"), "illegal status line"),
        (httpx.ConnectError("All connection attempts failed"), "All connection attempts failed"),
        (httpx.ReadError(""), "ReadError"),
        (httpx.DecodingError("not gzip"), "not gzip"),
    ],
)
async def test_whatever_goes_wrong_is_a_problem_in_words(
    respx_mock: respx.MockRouter, error: httpx.HTTPError, said: str
) -> None:
    """What an app can do to a client is said of the app; it never ends the deploy by a fault."""
    respx_mock.get(URL).mock(side_effect=error)
    assert (
        await answer_problem(HealthSettings(url=URL), {})
        == f"health check could not be made: {said}"
    )


async def test_no_answer_is_told() -> None:
    """Nobody listening, and somebody who does not answer, are both said."""
    closed = HealthSettings(url=f"http://127.0.0.1:{free_port()}/")
    assert "could not be made: " in await answer_problem(closed, {})

    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        wrong = await answer_problem(HealthSettings(url=url, timeout=0.2), {})
    assert wrong == "health check did not answer within 0.2 s"


async def test_a_proxy_of_the_agent_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app itself is asked, whatever proxy the agent's environment names."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    async with answering() as app:
        assert await answer_problem(HealthSettings(url=app.url), {}) == ""


async def test_it_is_asked_until_it_is_well() -> None:
    """An app has time to start; what is new is told once."""
    answers = iter(["refused", "refused", "answered 503", ""])
    told: list[str] = []

    async def probe() -> str:
        return next(answers)

    assert await persistent(probe, timeout=30, interval=0.001, changed=told.append) == ""
    assert told == ["refused", "answered 503"]


async def test_it_is_given_up_when_its_time_is_up() -> None:
    """The last problem is what is told; it was asked at least once, and at the very end."""
    asked = 0

    async def probe() -> str:
        nonlocal asked
        asked += 1
        return f"problem {asked}"

    found = await persistent(probe, timeout=0.5, interval=0.02, changed=lambda text: None)
    assert found == f"problem {asked}"
    assert asked >= 2


async def test_an_app_that_takes_a_while_to_start_is_deployed(
    make_kit: MakeKit, respx_mock: respx.MockRouter, shop: Path
) -> None:
    """A health check that fails at first and then does not is a success."""
    answers = [httpx.Response(503), httpx.Response(503), httpx.Response(200)]
    checked = respx_mock.get(URL).mock(side_effect=answers)
    kit = make_kit(health={"url": URL, "timeout": 30, "interval": 0.01})
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.SUCCEEDED
    assert "health check answered 503, not 200" in asked.log
    assert checked.call_count == 3


async def test_a_health_command_that_hangs_leads_back(make_kit: MakeKit, shop: Path) -> None:
    """A check that never ends is a failed check."""
    kit = make_kit(health={"command": ["sleep", "300"], "timeout": 0.2})
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert asked.text.startswith(
        "health failed: it exceeded its time limit of 0.2 s (timeout of health) and was stopped; "
    )
