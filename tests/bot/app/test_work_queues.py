"""Jobs that whichever worker takes them from a queue, from the ask to the end: the worker is in
memory, the bot is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from datetime import time as of_day
from pathlib import Path

import pytest

from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import ENDS_WITHIN, NEXT_LOOK, State, now
from baton.errors import BatonError, Disconnected, Unconfirmed
from baton.migrate.crontab import migrate_crontab
from baton.worker.config.reading import read
from baton.worker.service import facts_of
from bot.app.bot import Bot
from bot.content import JobContent
from bot.dispatch.policy import Policy, Rule
from bot.jobs import RunRecord
from bot.servers import registry
from bot.store import Store
from bot.store.database.database_clock import DatabaseClock
from bot.store.jobs.history import JobFilter, JobOutcome
from tests.bot.worker import Worker, runner
from tests.bot.world import Stage
from tests.support.wait import until


@pytest.fixture
async def stage(store: Store) -> AsyncIterator[Stage]:
    made = Stage(store)
    yield made
    await made.close()


async def a_worker(stage: Stage, bot: Bot, name: str = "worker-1", *runners: object) -> Worker:
    made = Worker(stage.channel(), name, *(runners or (runner(retry=1),)))  # type: ignore[arg-type]
    await made.start()
    await stage.knows(bot, name)
    return made


async def runs_of(stage: Stage, job: str) -> list[RunRecord]:
    found = await stage.store.ledger.job(job)
    assert found is not None
    return list(found[1])


async def in_state(stage: Stage, job: str, *states: State) -> list[RunRecord]:
    """The attempts of `job`, once they are in these states."""

    async def are() -> bool:
        return [run.state for run in await runs_of(stage, job)] == list(states)

    await until(are)
    return await runs_of(stage, job)


def shown(stage: Stage, job: str) -> JobContent:
    """What the post of `job` shows now."""
    content = stage.front.one(job).content
    assert isinstance(content, JobContent)
    return content


def said(stage: Stage, job: str) -> str:
    """What the post of `job` says of its run now; empty while there is none."""
    posted = any(message.key == job for message in stage.front.shown)
    return shown(stage, job).rows[0].text if posted else ""


async def test_a_job_of_a_queue_is_one_run_that_any_worker_takes(stage: Stage) -> None:
    """The bot has not been started again, and nobody has written a manifest: the heartbeat of a
    worker is all. Its arguments are checked before anything is sent."""
    bot = await stage.bot()
    assert not (await stage.ask(bot, "report may")).ok
    first = await a_worker(stage, bot)
    wrong = await stage.ask(bot, "report mai")
    assert wrong.text.startswith("MONTH: invalid value “mai”: it must be one of april, may, june.")
    job = await stage.job(bot, "report may --copies 2")
    (run,) = await in_state(stage, job, State.ACCEPTED)
    assert (run.host, run.queue, run.worker) == ("work.reports", "reports", "worker-1")
    (request,) = first.requests
    assert (request.command, request.arguments) == ("report", {"month": "may", "copies": 2})
    files = [
        {"path": "/srv/may.pdf", "size": 1_234_567, "sha256": "ab" * 32, "link": "https://f/x"}
    ]
    facts = {"artifacts": files, "artifacts_in_all": 3}
    await first.report(State.SUCCEEDED, "made", facts=facts)
    await stage.told(job)
    content = shown(stage, job)
    assert content.summary.startswith("succeeded in ")
    assert content.lines == (f"https://f/x (1.2 MB, sha256 {'ab' * 32})", "and 2 more files")
    assert [(row.host, row.text) for row in content.rows] == [("work.reports", "made")]


async def test_a_job_that_waits_says_for_what_and_when_it_looks_again(stage: Stage) -> None:
    """Its time is not over meanwhile, though nothing is heard of it; and in the end it is blocked,
    if what it waits for does not come."""
    bot = await stage.bot()
    worker = await a_worker(stage, bot, "worker-1", runner(timeout=30.0, accept_within=20.0))
    job = await stage.job(bot, "report may")
    await in_state(stage, job, State.ACCEPTED)
    text = "blocked: waits for the books of may; next look in 10 min"
    await worker.report(State.RUNNING, text, facts={NEXT_LOOK: 600, ENDS_WITHIN: 640})
    await until(lambda: text in said(stage, job))
    (run,) = await runs_of(stage, job)
    assert run.parked
    due = await stage.store.ledger.next_deadline()
    assert due is not None
    assert due > now() + timedelta(seconds=600)
    await worker.report(State.RUNNING, "begins again")
    await until(lambda: "begins again" in said(stage, job))
    assert not (await runs_of(stage, job))[0].parked
    await worker.report(State.BLOCKED, "it waited 2 h for the books of may")
    await stage.told(job)
    assert shown(stage, job).state is State.BLOCKED
    assert shown(stage, job).summary.startswith("blocked in ")


async def test_an_interrupted_job_is_started_again_as_often_as_its_runner_says(
    stage: Stage,
) -> None:
    """By another worker, with the same id and the next attempt; and the job ends as its last
    attempt does."""
    bot = await stage.bot()
    worker = await a_worker(stage, bot)
    job = await stage.job(bot, "report may")
    await in_state(stage, job, State.ACCEPTED)
    await worker.report(State.INTERRUPTED, "killed")
    first, second = await in_state(stage, job, State.INTERRUPTED, State.ACCEPTED)
    assert (first.retried, second.retries, second.attempt) == (True, 0, 2)
    assert worker.started == [(first.request, 1), (first.request, 2)]
    await until(lambda: "(attempt 2)" in said(stage, job))
    await worker.report(State.INTERRUPTED, "killed again", sequence=100)
    await stage.told(job)
    assert [run.state for run in await runs_of(stage, job)] == [State.INTERRUPTED] * 2
    again = await stage.job(bot, "report may")
    await in_state(stage, again, State.ACCEPTED)
    await worker.report(State.INTERRUPTED, "killed")
    await in_state(stage, again, State.INTERRUPTED, State.ACCEPTED)
    await worker.report(State.SUCCEEDED, "made", sequence=100)
    await stage.told(again)
    assert shown(stage, again).state is State.SUCCEEDED
    page = await stage.store.ledger.history(JobFilter(outcome=JobOutcome.SUCCEEDED))
    assert [past.job.id for past in page.jobs] == [again]


async def test_what_a_silent_worker_had_is_lost_and_started_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host is gone for good, so nobody will report: the end of its heartbeats does. What waits
    for something is anybody's, and stays."""
    monkeypatch.setattr(registry, "WORKER_LOST_AFTER", 0.3)
    bot = await stage.bot()
    worker = await a_worker(stage, bot)
    await worker.beat(interval=0.05)
    parked = await stage.job(bot, "report june")
    await in_state(stage, parked, State.ACCEPTED)
    await worker.report(State.RUNNING, "waits", facts={NEXT_LOOK: 600})
    job = await stage.job(bot, "report may")
    first, second = await in_state(stage, job, State.LOST, State.ACCEPTED)
    assert first.text.startswith("no heartbeat of its worker worker-1 since ")
    assert [run.parked for run in await runs_of(stage, parked)] == [True]
    assert second.attempt == 2


async def test_a_cancel_reaches_every_worker_of_the_queue(stage: Stage) -> None:
    """One of them has the job. A worker that takes it later is told again; and it is not started
    again when it is interrupted."""
    bot = await stage.bot()
    first = await a_worker(stage, bot)
    job = await stage.job(bot, "report may")
    await in_state(stage, job, State.ACCEPTED)
    second = await a_worker(stage, bot, "worker-2")
    assert (await stage.ask(bot, f"cancel {job}")).ok
    await until(lambda: first.cancels and second.cancels)
    assert first.cancels[0].host == "work.reports"
    await first.report(State.RUNNING, "taken by the other", facts={"worker": "worker-2"})
    await until(lambda: len(second.cancels) == 2)
    await first.report(State.INTERRUPTED, "killed")
    await stage.told(job)
    assert len(await runs_of(stage, job)) == 1


@pytest.mark.parametrize("error", [Unconfirmed, Disconnected])
async def test_a_request_whose_fate_is_unknown_is_not_sent_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: type[BatonError]
) -> None:
    """Two workers might start two copies. What was certainly not sent is sent again."""
    bot = await stage.bot()
    worker = await a_worker(stage, bot)
    channel, tries = bot.channel, []
    publish = channel.publish

    async def fails_once(exchange: str, key: str, *rest: object, **more: object) -> None:
        if key == "work.reports":
            tries.append(key)
            if len(tries) == 1:
                raise error(url="x", reason="the connection broke", key=key, exchange=exchange)
        await publish(exchange, key, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(channel, "publish", fails_once)
    job = await stage.job(bot, "report may")
    if error is Unconfirmed:
        await in_state(stage, job, State.SENT)
        assert not await stage.store.ledger.outbox()
        assert (len(tries), worker.requests) == (1, [])
    else:
        await in_state(stage, job, State.ACCEPTED)
        assert len(tries) == 2


async def test_a_request_that_may_have_been_sent_before_a_crash_is_not_sent_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot died between the publish and the note of its confirm."""
    bot = await stage.bot()
    worker = await a_worker(stage, bot)
    held = asyncio.Event()
    monkeypatch.setattr(bot.relay, "_publish", lambda *_: held.wait())
    job = await stage.job(bot, "report may")

    async def tried() -> bool:
        return any(row.tried for row in await stage.store.ledger.outbox())

    await until(tried)
    await bot.stop()
    other = await stage.bot()
    await in_state(stage, job, State.SENT)
    assert worker.requests == []
    assert other.leader.leading


async def test_whoever_waits_reads_that_no_worker_is_running(stage: Stage) -> None:
    """A queue without a worker keeps the job: the thread says so at once, and not only when its
    time is over."""
    bot = await stage.bot()
    worker = await a_worker(stage, bot)
    channel = worker.channel
    assert isinstance(channel, MemoryChannel)
    for subscription in list(channel._subscriptions):
        await subscription.cancel()

    async def is_idle() -> bool:
        await worker.beat(leaving=True)
        return "reports" in bot.servers.visibility().idle

    await until(is_idle)
    job = await stage.job(bot, "report may")
    await until(lambda: [one for one in stage.front.shown if one.key == job])
    words = "waiting for a worker: none of this queue is running, the last sign of one came at "
    await until(lambda: said(stage, job).startswith(words))


async def test_a_queue_that_rabbitmq_does_not_have_is_unroutable(stage: Stage) -> None:
    """No worker has ever served it: that is known at once."""
    bot = await stage.bot()
    worker = Worker(stage.channel(), "worker-1")
    await until(bot.hears_servers)
    await worker.beat()
    await stage.knows(bot, "worker-1")
    job = await stage.job(bot, "report may")
    (run,) = await in_state(stage, job, State.UNROUTABLE)
    assert run.text == "no worker has ever served this queue, so RabbitMQ does not have it"


async def test_commands_for_servers_pass_workers_by(stage: Stage) -> None:
    """A worker has nothing but its queues: a ping of its environment is not for it."""
    bot = await stage.bot()
    await a_worker(stage, bot)
    agent = await stage.agent("web-1")
    await agent.beat()
    await stage.knows(bot, "web-1")
    job = await stage.job(bot, "hail prod")
    await stage.told(job)
    assert await stage.states(job) == {"web-1": State.SUCCEEDED}


async def test_a_bot_that_starts_again_has_the_runners_of_silent_workers(stage: Stage) -> None:
    """From the database: nobody need send a heartbeat first."""
    bot = await stage.bot()
    worker = await a_worker(stage, bot)

    async def stored() -> bool:
        return any(one.facts.runners for one in await stage.store.servers.all())

    await until(stored)
    await bot.stop()
    await worker.channel.close()
    again = await stage.bot()
    assert "report" in again.dispatching.commands


async def test_a_runner_can_be_scheduled(stage: Stage) -> None:
    """As any command that somebody else runs; in the environment of its workers alone."""
    bot = await stage.bot(policy=Policy([Rule(who=("U_ANN",), commands=("report",))]))
    worker = await a_worker(stage, bot)
    agent = await stage.agent("web-9", "staging")
    await agent.beat()
    await stage.knows(bot, "web-9")
    reply = await stage.ask(bot, "schedule report may in 1s")
    assert reply.ok, reply.text
    await until(lambda: worker.requests)
    assert worker.requests[0].arguments["month"] == "may"


async def test_a_line_of_a_crontab_is_a_schedule_of_a_running_bot(
    stage: Stage, tmp_path: Path
) -> None:
    """What `baton migrate` prints is a worker's file once [bus] and [worker] are there, and the
    words beside it are what to type: at the time of the line the worker has the job."""
    made = migrate_crontab("30 3 * * * /usr/local/bin/backup --all\n", "crontab")
    file = tmp_path / "worker.toml"
    file.write_text(f"{HEAD}{made.text}")
    (words,) = [one.after for one in made.changes if one.after.startswith("/schedule")]
    time = Clock(datetime.combine(now().date(), of_day(3, 29), UTC) + timedelta(days=1))
    schedules = stage.store.schedules
    schedules._clock = DatabaseClock(schedules._database, time)
    bot = await stage.bot(clock=time)
    runners = facts_of(read(file, {}).settings).runners
    worker = await a_worker(stage, bot, "worker-1", *runners)
    reply = await stage.ask(bot, words)
    assert reply.ok, reply.text
    assert "03:30" in reply.text
    assert not worker.requests
    time.forward(minutes=2)
    await until(lambda: worker.requests)
    (request,) = worker.requests
    assert (request.command, request.host) == ("backup", "work.backup")


HEAD = """
[bus]
url = "memory://test"
[worker]
environment = "prod"
"""


class Clock:
    """A clock that goes as the real one does, from another time on."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - now()

    def __call__(self) -> datetime:
        return now() + self._ahead

    def forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)
