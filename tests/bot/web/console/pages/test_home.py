"""The first page: its numbers are right, or say that there is more."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from baton.bus.messages import State, now
from tests.bot.store import build
from tests.bot.web.console.conftest import Console
from tests.bot.web.console.jobs import RunningJob


async def numbers(console: Console) -> dict[str, str]:
    """What stands in the boxes at the top, by its words."""
    answer = await console.client.get("/", headers={"Accept": "text/html"})
    return {words: count for count, words in re.findall(r"<b>([^<]*)</b><span>(.*?)<", answer.text)}


async def end(console: Console, state: State, minutes: float) -> None:
    """A job that was asked so many minutes ago, and ended so."""
    at = now() - timedelta(minutes=minutes)
    new = build.deploy("web-1", asked=at)
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
