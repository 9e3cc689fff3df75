"""The first page: its numbers are right, or say that there is more."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from baton.bus.messages import State, now
from tests.bot.store import build
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.jobs import RunningJob

HTML = {"Accept": "text/html"}


async def numbers(console: Console) -> dict[str, str]:
    """What stands in the boxes at the top, by its words."""
    answer = await console.client.get("/", headers=HTML)
    return {words: count for count, words in re.findall(r"<b>([^<]*)</b><span>(.*?)<", answer.text)}


async def end(console: Console, state: State, minutes: float) -> None:
    """A job that was asked so many minutes ago, and ended so."""
    at = now() - timedelta(minutes=minutes)
    new = build.deploy("web-1", asked=at)
    # the bot is not to end it before us: it looks for runs whose time is over
    runs = tuple(replace(run, deadline=now() + timedelta(hours=1)) for run in new.runs)
    new = replace(new, runs=runs, outbox=())
    await console.bot.store.ledger.start_job(new, build.entry(new))
    await console.bot.store.ledger.apply_updates([build.update(new, "web-1", 1, state)], at)


@pytest.mark.parametrize(("running", "shown"), [(20, "20"), (21, "20+")])
async def test_more_than_are_listed_are_told(console: Console, running: int, shown: str) -> None:
    """A list has 20 rows at most; its number says whether there are others."""
    for _ in range(running):
        await RunningJob.begin(console.bot.store, "web-1")
    assert (await numbers(console))["running now"] == shown


async def test_what_was_cancelled_hides_no_failure(console: Console) -> None:
    """However much was cancelled after it."""
    await end(console, State.FAILED, 60)
    for minutes in range(1, 26):
        await end(console, State.CANCELLED, minutes)
    assert (await numbers(console))["failed in 24 hours"] == "1"


async def test_the_number_of_failures_leads_to_what_it_counts(console: Console) -> None:
    """To those jobs, and no others: neither older ones, nor what people cancelled, nor what
    succeeded."""
    for state, minutes in (
        *((State.FAILED, 30), (State.LOST, 23 * 60), (State.CANCELLED, 5)),
        *((State.FAILED, 25 * 60), (State.SUCCEEDED, 5)),
    ):
        await end(console, state, minutes)
    text = (await console.client.get("/", headers=HTML)).text
    found = re.search(r'href="([^"]*)"><b>2</b><span>failed in 24 hours', text)
    assert found is not None
    listed = await console.client.get(unescape(found[1]), headers=HTML)
    assert listed.status_code == 200
    states = re.findall(r'<tr id="job-\w+"><td><span class="state state-(\w+)', listed.text)
    assert states == ["failed", "lost"]
    # the form above the list says so too: a search on from there keeps it
    (since,) = re.findall(
        r'<input id="since" type="text" name="since" value="([^"]+)"', listed.text
    )
    assert since in unescape(found[1]).replace("%3A", ":")
    assert '<option value="went-wrong" selected>' in listed.text


@pytest.mark.parametrize("reads", [1, 2, 3])
async def test_what_ends_while_the_page_is_made_is_on_it(
    console: Console, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    """Once: it runs, or it has ended. So many of the page's lists are read before its end."""
    ledger, at = console.bot.store.ledger, now()
    new = build.deploy("web-1", asked=at)
    await ledger.start_job(new, build.entry(new))
    history, done = ledger.history, 0

    async def read(*args: Any) -> Any:
        nonlocal done
        found = await history(*args)
        done += 1
        if done == reads:
            await ledger.apply_updates([build.update(new, "web-1", 1, State.SUCCEEDED)], at)
        return found

    monkeypatch.setattr(ledger, "history", read)
    text = (await console.client.get("/", headers=HTML)).text
    assert done >= reads
    assert text.count(f'href="/jobs/{new.job.id}"') == 1
