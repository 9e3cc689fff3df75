"""Runners of workers in the console: the page Run, their forms, and what came of their jobs."""

from __future__ import annotations

from html import unescape

import pytest
from playwright.async_api import BrowserContext, expect

from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import State
from tests.bot.web.console.conftest import Console
from tests.bot.worker import Worker, runner
from tests.support.browser import opened
from tests.support.wait import until

HTML = {"Accept": "text/html"}


async def a_worker(console: Console) -> Worker:
    channel = console.bot.channel
    assert isinstance(channel, MemoryChannel)
    worker = Worker(MemoryChannel("memory://console", on=channel._bus))
    await worker.start()
    await until(lambda: "report" in console.bot.dispatching.commands)
    return worker


async def test_a_runner_has_a_form_at_once(console: Console) -> None:
    """Nothing is started again: it is on the page Run, in the API and in the suggestions, and its
    form has its arguments. When its last worker drops it, it is gone."""
    client = console.client
    assert (await client.get("/run/report", headers=HTML)).status_code == 404
    worker = await a_worker(console)
    text = (await client.get("/run", headers=HTML)).text
    assert "Give to a worker" in text
    assert "Queue reports, workers: 1" in text
    form = (await client.get("/run/report?f-month=may", headers=HTML)).text
    assert '<option value="may" selected>' in form
    assert 'inputmode="numeric"' in form
    plan = (await client.get("/run/report/plan?f-month=may", headers=HTML)).text
    assert "One job for the queue reports" in plan
    assert 'data-text="/report may"' in plan
    typed = (await client.get("/run/typed?text=/run report may --copies 2")).json()
    assert typed == {"command": "report", "fields": {"f-month": "may", "f-copies": "2"}}
    listed = (await client.get("/api/v1/commands")).json()["commands"]
    (shown,) = [one for one in listed if one["name"] == "report"]
    assert [(one["name"], one["choices"]) for one in shown["fields"]] == [
        ("month", ["april", "may", "june"]),
        ("copies", []),
    ]
    found = (await client.get("/suggestions?typed=/run report m")).json()["suggestions"]
    assert [one["text"] for one in found] == ["may"]
    worker.facts = worker.facts.model_copy(update={"runners": (runner("other"),)})
    await worker.beat()
    await until(lambda: "report" not in console.bot.dispatching.commands)
    assert (await client.get("/run/report", headers=HTML)).status_code == 404
    assert (await client.get("/run/other", headers=HTML)).status_code == 200


async def test_what_came_of_a_job_is_on_its_page(console: Console) -> None:
    """The files that it made, each with its size and sum; a link where there is one."""
    worker = await a_worker(console)
    body = {"command": "report", "arguments": {"month": "may", "copies": 2}}
    asked = await console.client.post("/api/v1/asks", json=body)
    job = asked.json()["job"]
    await until(lambda: worker.requests)
    files = [
        {"path": "/srv/may.pdf", "size": 2048, "sha256": "ab" * 32, "link": "https://f/may.pdf"}
    ]
    await worker.report(State.SUCCEEDED, "made", facts={"artifacts": files})

    async def is_over() -> bool:
        return (await console.client.get(f"/api/v1/jobs/{job}")).json()["closed"] is not None

    await until(is_over)
    line = f"https://f/may.pdf (2.0 KB, sha256 {'ab' * 32})"
    assert (await console.client.get(f"/api/v1/jobs/{job}")).json()["notes"] == [line]
    page = unescape((await console.client.get(f"/jobs/{job}", headers=HTML)).text)
    assert f'<a href="https://f/may.pdf" rel="noreferrer nofollow">{line}</a>' in page
    assert "work.reports" in page


@pytest.mark.slow
async def test_the_open_page_of_a_job_shows_what_came_of_it(
    console: Console, reader: BrowserContext
) -> None:
    """Without a click: who watches a report reads where it is."""
    worker = await a_worker(console)
    asked = await console.ask("/run report may")
    await until(lambda: worker.requests)
    page = await opened(reader, f"/jobs/{asked.json()['job']}")
    await expect(page.locator("#notes")).to_be_hidden()
    files = [{"path": "/srv/may.pdf", "size": 2048, "sha256": "ab" * 32}]
    await worker.report(State.SUCCEEDED, "made", facts={"artifacts": files})
    await expect(page.locator("#notes")).to_contain_text("/srv/may.pdf (2.0 KB")
