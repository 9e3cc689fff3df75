"""Streams over real sockets: nothing is missing and nothing comes twice, whatever happens between a
client and the bots."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from baton.bus.messages import State
from bot.jobs import NewJob
from bot.store import Store
from bot.web.console.feed import frame, job_feed
from tests.bot.store.build import asked, deploy
from tests.bot.web.console.feed.conftest import (
    OpenSite,
    Site,
    Talk,
    Watcher,
    digest,
    in_ledger,
    until_open,
)
from tests.support.wait import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames come more often, so that there are many."""
    monkeypatch.setattr(job_feed, "INTERVAL", 0.01)


async def begun(store: Store, *hosts: str) -> Talk:
    new = await asked(store, deploy(*(hosts or ("web-1", "web-2", "web-3"))))
    return Talk(new)


async def states(store: Store, new: NewJob) -> dict[tuple[str, int], str]:
    found = await store.ledger.job(new.job.id)
    assert found is not None
    return {(run.host, run.attempt): run.state.value for run in found[1]}


async def equals_the_ledger(watcher: Watcher, talk: Talk, store: Store) -> None:
    """What `watcher` has assembled is what the ledger has."""
    assert watcher.digest == digest(await in_ledger(store, talk.new.job.id))
    assert watcher.runs == await states(store, talk.new)
    assert watcher.resyncs == 0


async def test_everything_so_far_and_then_what_is_new(site: Site) -> None:
    """Whoever comes in the middle has all of it at the end, and `end` says that it is."""
    talk = await begun(site.store)
    await talk.say(site.store, 20)
    watcher = Watcher(talk.new.job.id)
    watching = asyncio.create_task(watcher.watch(site))
    await until(lambda: watcher.lines)
    for _ in range(10):
        await talk.say(site.store, 3)
    await talk.end(site.store)
    await asyncio.wait_for(watching, 60)
    assert (watcher.ends, watcher.closed is None) == (1, False)
    await equals_the_ledger(watcher, talk, site.store)
    await until(lambda: not site.feeds.watched)


async def test_a_page_reads_spans_and_begins_where_it_was_drawn(site: Site) -> None:
    """The same lines with their colours, only those after the revision that the page shows."""
    talk = await begun(site.store, "web-1")
    await talk.say(site.store, text="before")
    drawn = await site.store.ledger.revision(talk.new.job.id)
    await talk.say(site.store, text="\x1b[31mred\x1b[m <b>")
    await talk.end(site.store)
    watcher = Watcher(talk.new.job.id)
    await watcher.watch(site, kind="page", after=str(drawn))
    assert list(watcher.lines.values()) == [[["f1", "red"], ["", " <b>"]], [["", "done"]]]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_cut_at_random_bytes_on_either_bot(
    open_site: OpenSite, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bots, one after the other the leader; clients whose connections break at any byte and
    that go on at either bot; a bot that restarts: each client ends with exactly what the ledger
    has."""
    monkeypatch.setattr(frame, "MOST_BYTES", 2_000)
    chance = random.Random(seed)
    sites = [await open_site(), await open_site()]
    talk = await begun(sites[0].store)
    watchers = [Watcher(talk.new.job.id) for _ in range(8)]

    async def follow(watcher: Watcher) -> None:
        while not watcher.ends:
            cut = chance.choice([None, 1, 100, 1_000, 3_000, 20_000])
            cut = None if cut is None else chance.randrange(cut) + 1
            await watcher.watch(chance.choice(sites), cut=cut)

    async def talking() -> None:
        leader = 0
        for number in range(60):
            await talk.say(sites[leader].store, chance.randrange(1, 30))
            if number % 20 == 19:
                leader = 1 - leader
            if number == 30:
                sites[1] = await open_site()  # the old one goes on for those who are there
            await asyncio.sleep(0)
        await talk.end(sites[leader].store)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for watcher in watchers:
            group.create_task(follow(watcher))
        group.create_task(talking())
    for watcher in watchers:
        await equals_the_ledger(watcher, talk, sites[0].store)


@pytest.mark.parametrize("live", [False, True], ids=["from-the-ledger", "from-the-ring"])
async def test_who_is_always_cut_before_a_whole_frame_still_gets_on(site: Site, live: bool) -> None:
    """The first frames of a connection are small: also where large ones are ready for all."""
    talk = await begun(site.store)
    large = Watcher(talk.new.job.id)
    watching = asyncio.create_task(large.watch(site, most_ends=2))
    await until(lambda: large.last)
    small = Watcher(talk.new.job.id, last=large.last)
    if not live:
        watching.cancel()
        await asyncio.wait([watching])
        await until(lambda: not site.feeds.watched)
    await talk.say(site.store, 40, text="x" * 2_000)
    await talk.end(site.store)
    await until(lambda: large.ends or not live)
    async with asyncio.timeout(30):
        while not small.ends:
            await small.watch(site, cut=15_000)
    await equals_the_ledger(small, talk, site.store)
    watching.cancel()
    await asyncio.wait([watching])


async def test_a_bot_that_restarts(open_site: OpenSite) -> None:
    """Its streams end cleanly, and their clients go on where they stopped at the next one."""
    first = await open_site()
    talk = await begun(first.store)
    watcher = Watcher(talk.new.job.id)
    watching = asyncio.create_task(watcher.watch(first))
    await talk.say(first.store, 10)
    await until(lambda: watcher.lines)
    await first.web.stop()
    await asyncio.wait_for(watching, 60)
    await talk.say(first.store, 10)
    second = await open_site(port=first.web.port)
    again = asyncio.create_task(watcher.watch(second))
    await talk.say(second.store, 10)
    await talk.end(second.store)
    await asyncio.wait_for(again, 60)
    await equals_the_ledger(watcher, talk, second.store)


async def test_a_bot_that_nobody_tells(open_site: OpenSite) -> None:
    """What another process changes is seen by the look at each job that is watched."""
    site, other = await open_site(), await open_site()
    other.store.ledger.changes.others = None
    talk = await begun(other.store)
    watcher = Watcher(talk.new.job.id)
    watching = asyncio.create_task(watcher.watch(site))
    await until_open(site, 1)
    await talk.say(other.store, 5)
    await talk.end(other.store)
    await asyncio.wait_for(watching, 60)
    await equals_the_ledger(watcher, talk, site.store)


async def test_output_after_the_end(site: Site) -> None:
    """What a server reports late is sent to who is still there, and a second `end` after it; who
    comes back is sent it too."""
    talk = await begun(site.store, "web-1")
    await talk.say(site.store)
    await talk.end(site.store, State.FAILED)
    here, back = Watcher(talk.new.job.id), Watcher(talk.new.job.id)
    await back.watch(site)
    assert (back.ends, len(back.lines) > 1) == (1, True)
    staying = asyncio.create_task(here.watch(site, most_ends=2))
    await until(lambda: here.ends == 1)
    await talk.say(site.store, text="late")
    await asyncio.wait_for(staying, 60)
    assert (here.ends, "late" in here.lines.values()) == (2, True)
    await back.watch(site)
    assert "late" in back.lines.values()


async def test_a_revision_that_never_was(site: Site) -> None:
    """A client that names one is told to read the lines again, and follows from there."""
    talk = await begun(site.store, "web-1")
    await talk.say(site.store, 3)
    watcher = Watcher(talk.new.job.id, last="900000")
    watching = asyncio.create_task(watcher.watch(site))
    await until(lambda: watcher.resyncs)
    assert watcher.lines == {}
    assert watcher.runs == await states(site.store, talk.new)
    await talk.say(site.store, text="new")
    await talk.end(site.store)
    await asyncio.wait_for(watching, 60)
    assert list(watcher.lines.values()) == ["new", "done"]


async def test_a_job_of_many_servers(site: Site) -> None:
    """How they all are comes in several frames; who stops between them is sent all of them."""
    talk = await begun(site.store, *(f"web-{number:03}" for number in range(400)))
    await talk.say(site.store, 50)
    watcher = Watcher(talk.new.job.id)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await watcher.watch(site, cut=90_000)
    assert not watcher.last or "." in watcher.last
    await talk.end(site.store)
    await watcher.watch(site)
    await equals_the_ledger(watcher, talk, site.store)


async def test_what_a_stopped_bot_wrote_without_revisions(site: Site) -> None:
    """While an older bot leads, its output is in no news: who watches is told to read again."""
    talk = await begun(site.store, "web-1")
    watcher = Watcher(talk.new.job.id)
    watching = asyncio.create_task(watcher.watch(site))
    await until(lambda: watcher.runs)

    def older(connection: object) -> None:
        from sqlalchemy import Connection, text

        assert isinstance(connection, Connection)
        name = {"job": talk.new.job.id}
        connection.execute(
            text(
                "INSERT INTO output (job, host, attempt, ends, lines, sequence, time, level, step,"
                " text) VALUES (:job, 'web-1', 1, 3, 1, 1, 1, 'log', '', 'old')"
            ),
            name,
        )
        connection.execute(text("UPDATE jobs SET revision = revision + 1 WHERE id = :job"), name)

    await site.store._database.write(older)
    await until(lambda: watcher.resyncs == 1)
    watching.cancel()
    await asyncio.wait([watching])
