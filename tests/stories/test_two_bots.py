"""Two bots on one PostgreSQL: one leads, and when it dies the other goes on, in Slack and in the
browsers of those who watch."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.stories.ledger import Ledger
from tests.stories.processes import Process
from tests.stories.world import Asker, World, key_of
from tests.support.broker import Broker
from tests.support.browser import chromium, opened, person
from tests.support.postgres import Postgres
from tests.support.relay import Relay
from tests.support.wait import until

LINES = """() => [...document.querySelectorAll("#log .l")].map(
    (line) => `${line.dataset.h} ${line.dataset.n} ${line.textContent}`)"""
OUTPUT = """SELECT host, lines, encode(convert_to(text, 'UTF8'), 'hex') FROM output
    WHERE job = '%s' ORDER BY host, ends"""
"""What the servers wrote; `lines` counts them up to and with each piece."""


async def seen(page: Page) -> list[str]:
    """The lines of the log that a page has put together, each with its server and number."""
    lines: Any = await page.evaluate(LINES)
    return sorted(lines)


async def more_than(page: Page, count: int) -> bool:
    """Whether the page has more lines than that."""
    return len(await seen(page)) > count


def written(ledger: Ledger, job: str) -> list[str]:
    """The same lines, of the ledger."""
    lines = []
    for host, last, code in ledger.ask(OUTPUT % job):
        texts = bytes.fromhex(code).decode().split("\n")
        first = int(last) - len(texts) + 1
        lines += [f"{host} {first + at} {text}" for at, text in enumerate(texts)]
    return sorted(lines)


def digest(lines: list[str]) -> str:
    """The sha256 of lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def random_sizes(seed: int) -> Callable[[], int]:
    """How many bytes a connection lasts: few, or enough for the largest events."""
    chance = random.Random(seed)
    return lambda: chance.randrange(chance.choice((100, 5_000, 200_000)))


async def port_of(bot: Process) -> int:
    """Where the console of `bot` listens."""
    found: list[str] = []

    def listens() -> list[str]:
        found[:] = re.findall(r"http://127\.0\.0\.1:(\d+)", bot.log)
        return found

    await until(listens)
    return int(found[0])


@asynccontextmanager
async def relayed(bot: Process) -> AsyncIterator[Relay]:
    """A way to the console of `bot`."""
    relay = Relay(await port_of(bot))
    await relay.start()
    try:
        yield relay
    finally:
        await relay.close()


@asynccontextmanager
async def watching(browser: Browser, who: Asker, relay: Relay, job: str) -> AsyncIterator[Page]:
    """The tab of somebody who has signed in from Slack and watches `job`."""
    shown = (await who.slash("/baton console")).ephemeral or ""
    link = re.search(r"/sign-in/\S+", shown)
    assert link, shown
    async with person(browser, f"http://127.0.0.1:{relay.port}") as reader:
        page = await opened(reader, link[0])
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        await page.goto(f"/jobs/{job}")
        await expect(page.locator("#stream")).to_have_text("Live")
        yield page


async def test_the_leader_is_killed(
    broker: Broker, postgres: Postgres, postgres_database: str, tmp_path: Path
) -> None:
    """Whichever of them is asked, one alone tells. kill -9 of it in the middle of a deploy: the
    other goes on in the same thread, and nothing is said or started twice. Two browsers watch, one
    at each bot, over connections that break at any byte, and the killed one is started again. What
    each page has put together at the end is what the ledger has: nothing is missing or there twice,
    and nobody opened a page anew."""
    ledger = Ledger.postgres(postgres, postgres_database)
    async with World(broker, tmp_path, ledger=ledger) as world:
        await world.starts("web-1", "web-2")
        leader = world.bots[-1]
        follower = world.bot("second")
        await world.slack.connected(4)
        for jobs in (1, 2):
            # Slack delivers in turn, so that each of the two is asked
            await world.ann.slash("/deploy shop prod")
            await world.ends("succeeded", jobs=jobs)
        world.hold(talk=True)
        await world.ann.slash("/deploy shop prod")
        await world.building()
        post = await world.shows("running")
        await until(lambda: len(world.thread(post)) == 2)
        assert "became leader" in leader.log
        assert "became leader" not in follower.log
        job = key_of(post)
        async with (
            chromium() as browser,
            relayed(leader) as one,
            relayed(follower) as other,
            watching(browser, world.ann, one, job) as ann,
            watching(browser, world.ben, other, job) as ben,
        ):
            one.after = other.after = random_sizes(seed=1)
            await until(lambda: one.cuts and other.cuts)
            leader.kill()
            await until(lambda: "became leader" in follower.log)
            one.to = await port_of(world.bot())
            # whole from here on: a cut connection may be too short for all that was missed
            one.after = other.after = None
            for page in (ann, ben):
                await until(partial(more_than, page, len(written(ledger, job))))
            world.go_on()
            assert await world.ends("succeeded", jobs=3) is post
            for page in (ann, ben):
                await expect(page.locator("#state")).to_have_text("succeeded")
                assert digest(await seen(page)) == digest(written(ledger, job))
        assert [agent.starts for agent in world.agents.values()] == [3, 3]
