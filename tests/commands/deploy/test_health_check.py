from __future__ import annotations

import socket
from pathlib import Path

import pytest

from baton.messages import State
from commands.deploy.health_check import answer_problem, persistent
from commands.deploy.settings import Health
from tests.commands.conftest import MakeKit, Site
from tests.support.ports import free_port


async def test_an_answer_is_judged_by_status_and_content(site: Site) -> None:
    """The status must be the one wanted, and the text must be in the body."""
    url = f"{site.url}/health"
    site.answer = lambda path: (503, b"starting")
    assert await answer_problem(Health(url=url), {}) == "health check answered 503, not 200"
    assert await answer_problem(Health(url=url, status=503), {}) == ""
    site.answer = lambda path: (200, b"version abc")
    assert await answer_problem(Health(url=url, contains="{commit}"), {"commit": "abc"}) == ""
    wrong = await answer_problem(Health(url=url, contains="{commit}"), {"commit": "def"})
    assert wrong == "health check answered 200, without “def” in it"
    assert site.asked == ["/health"] * 4


async def test_the_address_can_hold_placeholders(site: Site) -> None:
    """What is asked for can depend on what was deployed."""
    await answer_problem(Health(url=site.url + "/{app}"), {"app": "shop"})
    assert site.asked == ["/shop"]


async def test_a_redirection_is_an_answer_like_any_other(site: Site) -> None:
    """A check is not led elsewhere."""
    site.answer = lambda path: (302, b"")
    assert await answer_problem(Health(url=site.url), {}) == "health check answered 302, not 200"


async def test_no_answer_is_told() -> None:
    """Nobody listening, and somebody who does not answer, are both said."""
    closed = Health(url=f"http://127.0.0.1:{free_port()}/")
    assert "could not be made: " in await answer_problem(closed, {})

    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        wrong = await answer_problem(Health(url=url, timeout=0.2), {})
    assert wrong == "health check did not answer within 0.2 s"


async def test_a_proxy_of_the_agent_is_not_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app itself is asked, whatever proxy the agent's environment names."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert await answer_problem(Health(url=site.url), {}) == ""


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
    make_kit: MakeKit, site: Site, shop: Path
) -> None:
    """A health check that fails at first and then does not is a success."""
    answers = iter([(503, b""), (503, b"")])
    site.answer = lambda path: next(answers, (200, b""))
    kit = make_kit(health={"url": site.url, "timeout": 30, "interval": 0.01})
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.SUCCEEDED
    assert "health check answered 503, not 200" in asked.log
    assert len(site.asked) == 3


async def test_a_health_command_that_hangs_leads_back(make_kit: MakeKit, shop: Path) -> None:
    """A check that never ends is a failed check."""
    kit = make_kit(health={"command": ["sleep", "300"], "timeout": 0.2})
    asked = await kit.ask("deploy shop prod --ref v1")
    assert asked.state is State.FAILED
    assert asked.text.startswith(
        "health failed: it ran longer than 0.2 s (timeout of health) and was ended; "
    )
