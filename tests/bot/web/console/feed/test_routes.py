"""The addresses of the streams: who may watch what, and the job as it was."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from baton.bus.messages import now
from bot.store.jobs.news import Position
from tests.bot.counter import BEN, ONLY_ANN
from tests.bot.store.build import asked, deploy
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.wait import until


async def ended(console: Console) -> str:
    """The id of a job that has ended."""
    job: str = (await console.ask("ship shop prod")).json()["job"]

    async def is_over() -> bool:
        found = await console.bot.store.ledger.job(job)
        return found is not None and found[0].closed is not None

    await until(is_over)
    return job


@pytest.mark.parametrize("path", ["/api/v1/jobs/{}/events", "/jobs/{}/events"])
async def test_a_job_is_watched_to_its_end(console: Console, path: str) -> None:
    """Its id may be shortened; every line of every server comes, and then `end`."""
    job = await ended(console)
    events: list[tuple[str, str]] = []
    async with (
        asyncio.timeout(60),
        console.client.stream("GET", path.format(job[:8])) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-accel-buffering"] == "no"
        event = ""
        async for row in answer.aiter_lines():
            name, _, value = row.partition(": ")
            event = value if name == "event" else event
            if name == "data":
                events.append((event, value))
            if event == "end":
                break
    lines = [line for kind, data in events if kind == "news" for line in json.loads(data)["lines"]]
    key = "text" if path.startswith("/api") else "spans"
    assert len(lines) == 6
    assert {line["host"] for line in lines} == {"web-1", "web-2", "web-3"}
    assert all(key in line for line in lines)


async def test_who_may_not_read_it(open_console: OpenConsole) -> None:
    """As in chat, `log` decides: 403 with the words of the policy."""
    ben = await open_console(BEN, policy=ONLY_ANN)
    job = (await asked(ben.bot.store, deploy("web-9"), sent=False)).job.id
    for path in (f"/api/v1/jobs/{job}/events", f"/api/v1/jobs/{job}/at?time=2026-01-01T00:00"):
        answer = await ben.client.get(path)
        assert answer.status_code == 403, answer.text
        assert answer.json()["detail"]


async def test_a_job_that_is_none(console: Console) -> None:
    assert (await console.client.get("/api/v1/jobs/nobody/events")).status_code == 404


@pytest.mark.parametrize("after", ["x", "-1", "1.2.3"])
async def test_what_is_no_position(console: Console, after: str) -> None:
    """The answer names the field."""
    job = await ended(console)
    answer = await console.client.get(f"/api/v1/jobs/{job}/events", params={"after": after})
    assert (answer.status_code, answer.json()["field"]) == (422, "after")


async def test_who_has_everything_of_what_ended_long_ago(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is told so in the one way after which a browser does not come back."""
    job = await ended(console)
    monkeypatch.setattr("bot.web.console.feed.job_feed.LATE", timedelta(0))
    revision = await console.bot.store.ledger.revision(job)
    assert revision is not None
    headers = {"Last-Event-ID": str(Position(revision))}
    answer = await console.client.get(f"/jobs/{job}/events?after=0", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_the_job_as_it_was(console: Console) -> None:
    """Before it was sent, and after it had ended."""
    job = await ended(console)
    path = f"/api/v1/jobs/{job}/at"
    before = (now() - timedelta(hours=1)).isoformat()
    then = (await console.client.get(path, params={"time": before})).json()
    assert then["job"]["closed"] is None
    assert {(run["state"], run["lines"]) for run in then["runs"]} == {("queued", 0)}
    after = (now() + timedelta(minutes=1)).isoformat()
    then = (await console.client.get(path, params={"time": after})).json()
    assert then["job"]["closed"] is not None
    assert {(run["state"], run["lines"]) for run in then["runs"]} == {("succeeded", 2)}
    answer = await console.client.get(path, params={"time": "yesterday"})
    assert (answer.status_code, answer.json()["field"]) == (422, "time")
