"""What one can do about a job on its page, in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from baton.bus.messages import State
from bot.store import Store
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.jobs import RunningJob
from tests.support.browser import opened
from tests.support.wait import until

pytestmark = pytest.mark.slow


async def test_a_job_is_cancelled_after_a_question_that_names_it(
    console: Console, store: Store, reader: BrowserContext
) -> None:
    job = await RunningJob.begin(store, "web-1", "web-2", command="ship", title="ship shop prod")
    await job.count("web-1", 1, 3)
    page = await opened(reader, f"/jobs/{job.id}")
    questions: list[str] = []
    page.once("dialog", lambda dialog: until_said(questions, dialog, accept=False))
    await page.get_by_role("button", name="Cancel").click()
    await until(lambda: len(questions) == 1)
    assert "ship shop prod" in questions[0]
    assert "web-1, web-2" in questions[0]
    found = await store.ledger.job(job.id)
    assert found is not None
    assert found[0].cancelled_by is None
    page.once("dialog", lambda dialog: until_said(questions, dialog, accept=True))
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#cancelled-by")).to_have_text("Cancelled by ann.")


async def until_said(questions: list[str], dialog: Any, *, accept: bool) -> None:
    """Answer a question of the page, and remember it."""
    await (dialog.accept() if accept else dialog.dismiss())
    questions.append(dialog.message)


async def test_what_failed_is_retried_and_its_page_opens(
    console: Console, store: Store, reader: BrowserContext
) -> None:
    """A new job, only for the servers where it did not succeed."""
    job = await RunningJob.begin(store, "web-1", "web-2", command="ship", title="ship shop prod")
    await job.end("web-1", State.SUCCEEDED, "done")
    await job.end("web-2", State.FAILED, "disk full")
    page = await opened(reader, f"/jobs/{job.id}")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Retry what failed").click()
    await page.wait_for_url(lambda url: "/jobs/" in url and job.id not in url)
    await expect(page.locator("#runs .host")).to_have_text(["web-2"])
    await expect(page.locator("#state")).to_have_text("succeeded")


async def test_a_question_names_the_servers_of_this_moment(
    store: Store, reader: BrowserContext
) -> None:
    """Not those of when the page was opened."""
    job = await RunningJob.begin(store, "web-1", "web-2", command="ship", title="ship shop prod")
    page = await opened(reader, f"/jobs/{job.id}")
    await expect(page.locator("#stream")).to_have_text("Live")
    await job.end("web-1", State.SUCCEEDED, "done")
    await expect(page.locator("#counts")).to_have_text("1 sent, 1 succeeded")
    questions: list[str] = []
    page.on("dialog", lambda dialog: until_said(questions, dialog, accept=False))
    await page.get_by_role("button", name="Cancel").click()
    await job.end("web-2", State.FAILED, "disk full")
    await page.get_by_role("button", name="Retry what failed").click()
    await page.get_by_role("button", name="Run again").click()
    await until(lambda: len(questions) == 3)
    assert questions == [
        "Cancel ship shop prod? It is stopped on web-2.",
        "Run ship shop prod again? It runs on web-2.",
        "Run ship shop prod again on all its servers? It runs on web-1, web-2.",
    ]
