"""What is done with a job over the API is asked in the words of chat."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from baton.bus.messages import State
from bot.dispatch.gates.tables import GateTable
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, ONLY_ANN
from tests.bot.rolling import COMMANDS
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.bot.world import no_groups
from tests.support.wait import until


async def act(console: Console, job: str, action: str, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await console.client.post(f"/api/v1/jobs/{job}/{action}", headers=headers)


async def ended(console: Console, job: str) -> None:
    async def is_over() -> bool:
        found = await console.bot.store.ledger.job(job)
        return found is not None and all(run.state.final for run in found[1])

    await until(is_over)


async def begun(console: Console, **ends: State) -> str:
    """The id of a job that ended so on `web_1` and so on; on others it goes on."""
    for agent in console.agents:
        agent.waits = True
    job: str = (await console.ask("ship shop prod --ref v2")).json()["job"]
    await until(lambda: all(agent.requests for agent in console.agents))
    for agent in console.agents:
        state = ends.get(agent.host.replace("-", "_"))
        if state is not None:
            await agent.finish(state)
    if len(ends) == len(console.agents):
        await ended(console, job)
    return job


async def test_cancel(console: Console) -> None:
    """The servers are asked to stop; the audit log has the words."""
    job = await begun(console)
    answer = await act(console, job[:6], "cancel")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["kind"], answer.json()["job"]) == ("done", job)
    await until(lambda: all(agent.cancels for agent in console.agents))
    (entry,) = await console.bot.store.audit.recent(1)
    assert (entry.words, entry.verdict) == (f"cancel {job}", "allowed")


async def test_retry_and_repeat(console: Console) -> None:
    """Only what did not succeed, or all of it; with the same options, as a new job."""
    job = await begun(console, web_1=State.SUCCEEDED, web_2=State.FAILED, web_3=State.SUCCEEDED)
    hosts: dict[str, list[str]] = {}
    for action in ("retry", "repeat"):
        answer = await act(console, job, action)
        assert answer.status_code == 200, answer.text
        assert answer.json()["kind"] == "started"
        found = await console.bot.store.ledger.job(answer.json()["job"])
        assert found is not None
        assert found[0].title == "ship shop prod --ref v2"
        hosts[action] = [run.host for run in found[1]]
    assert hosts == {"retry": ["web-2"], "repeat": ["web-1", "web-2", "web-3"]}


async def test_a_double_click_retries_once(console: Console) -> None:
    """The key of the request is the key of the job."""
    job = await begun(console, web_1=State.FAILED, web_2=State.FAILED, web_3=State.FAILED)
    answers = [await act(console, job, "retry", key="k") for _ in range(3)]
    assert len({answer.json()["job"] for answer in answers}) == 1
    assert len(await console.bot.store.ledger.recent()) == 2
    assert (await act(console, job, "repeat", key="k")).status_code == 409


@pytest.mark.parametrize("action", ["cancel", "retry", "repeat"])
async def test_a_job_that_nobody_knows(console: Console, action: str) -> None:
    """404; what cannot be an ID is a 422."""
    assert (await act(console, "abcdef", action)).status_code == 404
    answer = await act(console, "ab", action)
    assert (answer.status_code, answer.json()["field"]) == (422, "id")


async def test_what_cannot_be_done_now(console: Console) -> None:
    """409, with what to do."""
    job = await begun(console)
    answer = await act(console, job, "retry")
    assert answer.status_code == 409
    assert "is still running" in answer.json()["detail"]


async def test_who_may_not_ask_the_command_may_not_do_that(open_console: OpenConsole) -> None:
    """403, as in chat."""
    console = await open_console(BEN, policy=ONLY_ANN)
    asks = console.bot.dispatcher.ask
    job = (await asks("ship shop prod", asker=ANN, groups=no_groups, place=OPS, key="k")).job
    await ended(console, job)
    for action in ("cancel", "retry", "repeat"):
        answer = await act(console, job, action)
        assert answer.status_code == 403, (action, answer.text)
        assert "Required rule" in answer.json()["detail"]


async def test_what_waits_for_its_asker(open_console: OpenConsole) -> None:
    """The API says what it waits for, the page has the button; a plan that is not shown any more is
    a conflict, and whoever comes late reads what became of it."""
    gates = (GateTable(confirm=True),)
    console = await open_console(ANN, gates=gates)
    job: str = (await console.ask("ship shop prod")).json()["job"]
    shown = (await console.client.get(f"/api/v1/jobs/{job}")).json()
    assert (shown["state"], shown["hold"]["waits"]) == ("held", "its asker has to confirm it")
    assert shown["hold"]["plan"] == ["3 servers (web-1, web-2, web-3)"]
    page = (await console.client.get(f"/jobs/{job}")).text
    assert "Its asker has to confirm it" in page
    assert f"/confirm {job} --plan" in page
    stale = await console.client.post(f"/api/v1/jobs/{job}/confirm?plan=00000000")
    assert stale.status_code == 409
    assert "has changed since that was shown" in stale.json()["detail"]
    plan = shown["hold"]["digest"].removeprefix("sha256:")[:8]
    answer = await console.client.post(f"/api/v1/jobs/{job}/confirm?plan={plan}")
    assert answer.status_code == 200, answer.text
    await ended(console, job)
    late = await act(console, job, "confirm")
    assert late.status_code == 409
    assert "confirmed by ann and started at" in late.json()["detail"]
    shown = (await console.client.get(f"/api/v1/jobs/{job}")).json()
    assert [vote["verdict"] for vote in shown["hold"]["votes"]] == ["confirm"]
    assert shown["hold"]["waits"] == ""


async def test_a_denial_over_the_api_has_its_reason(open_console: OpenConsole) -> None:
    """Braces and quotes in it stay as they are."""
    console = await open_console(ANN, gates=(GateTable(approvals=1, of=("U_BEN",)),))
    job: str = (await console.ask("ship shop prod")).json()["job"]
    because = 'not {now}, "never"'
    answer = await console.client.post(f"/api/v1/jobs/{job}/deny", params={"because": because})
    assert answer.status_code == 200, answer.text
    found = await console.bot.store.ledger.job(job)
    assert found is not None
    assert {run.text for run in found[1]} == {f"denied by ann: {because}"}


async def say(console: Console, job: str, word: str, **about: str) -> int:
    params = {"word": word, **about}
    answer = await console.client.post(f"/api/v1/jobs/{job}/rollout", params=params)
    return answer.status_code


async def asked_about(console: Console, job: str) -> dict[str, Any]:
    """The job once it asks whether it goes on."""
    found: dict[str, Any] = {}

    async def asks() -> bool:
        found.update((await console.client.get(f"/api/v1/jobs/{job}")).json())
        return bool(found["asks"])

    await until(asks)
    return found


async def test_what_people_say_to_a_rollout(open_console: OpenConsole) -> None:
    """In the words of chat: the job says how far it is, what it waits for, and that it asks."""
    console = await open_console(ANN, commands=COMMANDS)
    first, second, third = console.agents
    for agent in console.agents:
        agent.waits = True
    job: str = (await console.ask("ship shop prod --canary 1 --wave 1 --pause")).json()["job"]
    await until(lambda: bool(first.requests))
    shown = (await console.client.get(f"/api/v1/jobs/{job}")).json()
    assert shown["progress"] == ["Wave 1 of 3: web-1. Still to begin: 1 and 1."]
    assert (await say(console, job[:6], "pause"), await say(console, job, "pause")) == (200, 409)
    assert await say(console, job, "go-on") == 200
    await first.finish()
    shown = await asked_about(console, job)
    assert shown["waits"].startswith("Wave 1 is done: 1 of 1 succeeded. The next wave has 1.")
    assert await say(console, job, "skip") == 422
    assert await say(console, job, "skip", host="db-1") == 409
    assert await say(console, job, "skip", host="web-3") == 200
    assert await say(console, job, "go-on") == 200
    await until(lambda: bool(second.requests))
    assert await say(console, job, "stop") == 422
    assert await say(console, job, "skip", host="a b") == 422
    await second.finish()
    await ended(console, job)
    assert not third.requests


async def test_a_stream_ends_when_the_rollout_is_over(open_console: OpenConsole) -> None:
    """Not when the last server has ended: it may still be taken back, and whoever waits for it must
    not hear that all is well."""
    console = await open_console(ANN, commands=COMMANDS)
    job: str = (await console.ask("ship shop prod --healthy-for 1h")).json()["job"]
    await ended(console, job)
    seen: list[Any] = []
    async with console.client.stream("GET", f"/api/v1/jobs/{job}/events") as stream:
        async for line in stream.aiter_lines():
            if line == "event: end":
                break
            if line.startswith("data: {"):
                seen.append(json.loads(line.removeprefix("data: "))["job"])
                if "must be healthy" in seen[-1]["waits"]:
                    await say(console, job, "back")
    assert "Stopped: ann said back." in seen[-1]["progress"]
    assert any("takes back what succeeded" in line for line in seen[-1]["progress"])
