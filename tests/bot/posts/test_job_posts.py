from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

import bot.app.upkeep
import bot.posts.job_posts
import bot.servers.registry
from baton.bus.exchanges import INPUT, agent_queue, host_key
from baton.bus.messages import State, now
from baton.outcome import Outcome
from bot.app.bot import Bot
from bot.content import JobContent, NoticeContent, OutputContent, Post
from bot.dispatch.console_address import ConsoleAddress
from bot.jobs import Job, Place
from bot.posts.render import render_job
from bot.store import Store
from tests.bot.build import Hail
from tests.bot.fake_front import SLACK, FakeFront
from tests.bot.world import Agent, Stage, away, beat
from tests.support.wait import until


async def ready(stage: Stage, *, waits: bool = True) -> tuple[Bot, Agent, Agent]:
    """A bot that leads and knows two agents."""
    agents = [await stage.agent(host, waits=waits) for host in ("web-1", "web-2")]
    bot = await stage.bot()
    await stage.knows(bot, "web-1", "web-2")
    return bot, agents[0], agents[1]


def main(stage: Stage, job: str) -> JobContent:
    content = stage.front.one(job).content
    assert isinstance(content, JobContent)
    return content


def output(stage: Stage, job: str, host: str) -> OutputContent:
    content = stage.front.one(f"{job}/{host}").content
    assert isinstance(content, OutputContent)
    return content


def row(stage: Stage, job: str, host: str) -> str:
    """What the job's post says of `host`; nothing while there is no post."""
    if not any(message.key == job for message in stage.front.shown):
        return ""
    return next(row.text for row in main(stage, job).rows if row.host == host)


async def test_a_job_is_shown_from_its_beginning_to_its_end(stage: Stage) -> None:
    """One post, a thread with each server's output, and the end in all of them."""
    bot, one, two = await ready(stage)
    job = await stage.job(bot, "ship shop prod")
    await until(lambda: len(stage.front.shown) == 3)
    await until(lambda: main(stage, job).state is State.RUNNING)
    assert output(stage, job, "web-1").text == "line 1"
    assert main(stage, job).buttons
    await one.finish(text="v2 is live")
    await two.finish(State.FAILED, "health check: 500")
    await stage.told(job)
    content = main(stage, job)
    assert (content.state, content.buttons) == (State.FAILED, ())
    assert content.summary.startswith("1 of 2 succeeded, 1 failed, after")
    assert output(stage, job, "web-1").headline.endswith("v2 is live")
    notice = stage.front.one(f"{job}!")
    assert notice.broadcast
    assert isinstance(notice.content, NoticeContent)
    assert notice.content.text == "ship shop prod: failed on web-2: health check: 500"
    assert {message.thread for message in stage.front.shown} == {"", stage.front.one(job).ref}


async def test_a_post_leads_to_the_page_of_its_job(stage: Stage) -> None:
    """The bot knows where its console is; a console that moves does not make posts new."""
    await stage.agent("web-1")
    bot = await stage.bot(console=ConsoleAddress("https://baton.example.com"))
    await stage.knows(bot, "web-1")
    job = await stage.job(bot, "ship shop prod")
    await until(lambda: stage.front.shown)
    content = main(stage, job)
    assert content.page == f"https://baton.example.com/jobs/{job}"
    assert Post(job, content).digest == Post(job, replace(content, page="")).digest


async def test_waiting_for_its_agent_is_not_said_for_ever(stage: Stage) -> None:
    """It changes as soon as the agent has accepted, though it says nothing more."""
    bot, one, _ = await ready(stage)
    job = await stage.job(bot, "ship shop prod")
    await until(lambda: one.requests and stage.front.shown)
    await until(lambda: row(stage, job, "web-1") != "waiting for its agent")
    states = {entry.host: entry.state for entry in main(stage, job).rows}
    assert states["web-1"] in (State.ACCEPTED, State.RUNNING)


async def test_a_restart_goes_on_in_the_same_thread(stage: Stage) -> None:
    """What was open when a bot stopped is shown to its end by the next one."""
    first, one, two = await ready(stage)
    job = await stage.job(first, "ship shop prod")
    await until(lambda: len(stage.front.shown) == 3)
    await first.stop()
    await one.finish(text="done meanwhile")
    await stage.bot()
    await two.finish()
    await stage.told(job)
    assert len(stage.front.shown) == 3
    assert output(stage, job, "web-1").headline.endswith("done meanwhile")
    assert main(stage, job).state is State.SUCCEEDED


async def test_what_is_asked_of_another_bot_is_told_by_the_leader(
    stage: Stage, database: str
) -> None:
    """Within about a second, though nobody wakes it."""
    await ready(stage)
    store = await Store.open(database)
    follower = await stage.bot(store=store, front=FakeFront())
    await stage.knows(follower, "web-1", "web-2")
    asked = time.monotonic()
    job = await stage.job(follower, "hail prod")
    await until(lambda: any(message.key == job for message in stage.front.shown))
    assert time.monotonic() - asked < 10.0
    assert not follower.leader.leading
    await follower.stop()
    await store.close()


async def test_that_we_are_blind_is_shown_and_taken_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While our own link is gone each open post says so, and no server is said to be silent."""
    monkeypatch.setattr(bot.servers.registry, "LINK_LOSS_GRACE", 0.1)
    a_bot, one, two = await ready(stage)
    job = await stage.job(a_bot, "ship shop prod")
    await until(lambda: len(stage.front.shown) == 3)
    stage.bus.down()
    await until(lambda: "No connection to RabbitMQ since" in main(stage, job).hint)
    stage.bus.up()
    await until(lambda: main(stage, job).hint == "")
    await one.finish()
    await two.finish()
    await stage.told(job)


async def test_a_server_that_falls_silent_is_named_in_the_open_post(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing happens in the ledger, yet people read why nothing goes on."""
    a_bot = await stage.bot()
    agent = await stage.agent("web-1", waits=True)
    await agent.beat(interval=0.2)
    await stage.knows(a_bot, "web-1")
    await agent.channel.close()
    job = await stage.job(a_bot, "ship shop prod")
    await until(lambda: "no heartbeat since" in row(stage, job, "web-1"))


async def test_a_server_whose_agent_was_stopped_is_named_so(stage: Stage) -> None:
    """Stopped by somebody is not the same as silent."""
    a_bot = await stage.bot()
    agent = await stage.agent("web-1", waits=True)
    await agent.beat(leaving=True)
    await until(lambda: any(seen.missing for seen in a_bot.servers.servers()))
    await agent.channel.close()
    job = await stage.job(a_bot, "ship shop prod")
    await until(lambda: "waiting for its agent, which was stopped at" in row(stage, job, "web-1"))


async def test_what_is_told_is_forgotten(stage: Stage) -> None:
    """Memory does not grow with the jobs that are over."""
    a_bot, *_ = await ready(stage, waits=False)
    jobs = [await stage.job(a_bot, text) for text in ["ship shop prod", "hail prod"] * 5]
    for job in jobs:
        await stage.told(job)
    await until(lambda: not a_bot.reconciler._open)
    delivery = a_bot.front_ends.queues["slack"]
    await until(lambda: not delivery._workers)
    assert (delivery._pending.of_subject, delivery._pending.refs, delivery._pending.waiting) == (
        {},
        {},
        {},
    )
    assert await stage.store.ledger.unreported() == {}


async def test_a_job_that_cannot_be_shown_ends_and_is_told(stage: Stage) -> None:
    """The servers do their work, the asker is told alone, and nothing is tried for ever."""
    stage.front.unpostable = True
    a_bot, one, two = await ready(stage)
    job = await stage.job(a_bot, "ship shop prod")
    await until(lambda: stage.front.whispers)
    await until(lambda: one.requests and two.requests)
    await one.finish()
    await two.finish()
    await stage.told(job)
    assert stage.front.shown == []
    first, last = (text for _, text in stage.front.whispers)
    assert "cannot be posted: slack does not allow this post here: the bot is not here" in first
    assert "ship shop prod finished: succeeded: 2 of 2 done" in last
    assert f"/baton log {job[:6]}" in last


async def test_a_job_of_another_front_end_waits_for_a_bot_that_has_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither lost nor read again and again."""
    monkeypatch.setattr(bot.app.upkeep, "POLL_INTERVAL", 0.02)
    a_bot, *_ = await ready(stage, waits=False)
    job = await stage.job(a_bot, "hail prod", place=Place("terminal", "terminal"))

    async def over() -> bool:
        return set((await stage.states(job)).values()) == {State.SUCCEEDED}

    await until(over)
    await until(lambda: not a_bot.reconciler._dirty)
    reads: list[str] = []
    read = stage.store.ledger.job

    async def counting(name: str) -> object:
        reads.append(name)
        return await read(name)

    monkeypatch.setattr(stage.store.ledger, "job", counting)
    other = await stage.job(a_bot, "hail prod")
    await stage.told(other)
    assert reads.count(job) <= 3
    terminal = FakeFront("terminal")
    a_bot.show_in(terminal, None)
    a_bot.reconciler.mark_dirty(job)
    await stage.told(job)
    assert terminal.one(job)


async def test_a_command_that_cannot_say_how_it_went_stops_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in an extension costs its own words, not the bot."""

    def broken(self: Hail, runs: object) -> Outcome:
        raise ZeroDivisionError

    monkeypatch.setattr(Hail, "outcome", broken)
    a_bot, *_ = await ready(stage, waits=False)
    job = await stage.job(a_bot, "hail prod")
    await stage.told(job)
    assert main(stage, job).summary.startswith("2 of 2 done")


async def test_a_job_that_cannot_be_shown_stops_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours about one job costs that job its post, not the others theirs."""
    a_bot, *_ = await ready(stage, waits=False)

    def faulty(job: Job, *others: object) -> tuple[Post, ...]:
        if job.title == "hail prod web-1":
            raise ZeroDivisionError
        return render_job(job, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(bot.posts.job_posts, "render_job", faulty)
    await stage.job(a_bot, "hail prod web-1")
    job = await stage.job(a_bot, "hail prod")
    await stage.told(job)


async def test_who_is_called_at_the_end_keeps_no_end_from_being_shown(stage: Stage) -> None:
    """A fault in what takes note of jobs for alerts costs no post."""
    a_bot, *_ = await ready(stage, waits=False)

    async def faulty(*told: object) -> None:
        raise ZeroDivisionError

    a_bot.job_posts._on_end = faulty
    job = await stage.job(a_bot, "ship shop prod")
    await stage.told(job)


async def test_a_ledger_that_is_away_is_waited_for(stage: Stage) -> None:
    """What happened meanwhile is shown when it is back."""
    a_bot, one, two = await ready(stage)
    job = await stage.job(a_bot, "ship shop prod")
    await until(lambda: len(stage.front.shown) == 3)
    with away(stage.store):
        await one.finish()
        await two.finish()
    await stage.told(job)
    assert main(stage, job).state is State.SUCCEEDED


async def test_what_nobody_took_up_in_time_is_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that is connected and deaf: the ledger itself ends its run, and says why."""
    monkeypatch.setattr(bot.app.upkeep, "POLL_INTERVAL", 0.02)
    later = timedelta()
    a_bot = await stage.bot(clock=lambda: now() + later)
    channel = stage.channel()
    await channel.declare(agent_queue("web-1"), [(INPUT, host_key("web-1"))])
    a_bot.servers.record(beat("web-1"))
    job = await stage.job(a_bot, "ship shop prod")
    await until(lambda: row(stage, job, "web-1") == "waiting for its agent")
    later = timedelta(seconds=80)
    await stage.told(job)
    assert row(stage, job, "web-1") == "the agent did not accept it in time"
    assert main(stage, job).state is State.EXPIRED


async def test_a_thousand_pongs_cost_a_handful_of_calls(stage: Stage) -> None:
    """With Slack's limits: one post, a few edits, and the end at once."""
    stage.front.limits = SLACK
    hosts = [f"web-{number}" for number in range(1000)]
    agents = [await stage.agent(host) for host in hosts]
    a_bot = await stage.bot()
    await stage.knows(a_bot, *hosts)
    job = await stage.job(a_bot, "hail prod")
    await stage.told(job)
    assert len(stage.front.calls) <= 10
    assert sum(len(agent.started) for agent in agents) == 1000
    assert main(stage, job).summary.startswith("1000 of 1000 done")
