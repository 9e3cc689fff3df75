"""kill -9 of the bot between every two steps of asking, sending, hearing and telling."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import bot.app.upkeep
import bot.posts.job_posts
import bot.posts.queue
import bot.posts.reconciler
import bot.posts.sender
from baton.bus.channel import Link
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Pong, Request, State, now
from bot.jobs import Place
from bot.posts.render import render_job
from bot.servers.server_visibility import ServerVisibility
from bot.store import Store
from tests.bot.build import ANN
from tests.bot.dying import Doom, Doomed, DoomedChannel, Lives, kill
from tests.bot.fake_front import Crash, FakeFront
from tests.bot.world import COMMANDS, Agent, a_bot, beat, no_groups
from tests.support.wait import until

HOSTS = ("web-1", "web-2")
PLACE = Place("slack", "C_OPS")
AT_ONCE = 4


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bot.app.upkeep, "POLL_INTERVAL", 0.1)
    monkeypatch.setattr(bot.posts.sender, "BACKOFF", 0.01)
    monkeypatch.setattr(bot.posts.queue, "CLOSE_TIMEOUT", 0.5)
    monkeypatch.setattr(bot.posts.reconciler, "INTERVAL", 0.02)
    with capture_logs():  # drawing the traceback of each death takes longer than all the rest
        yield


class Life:
    """One bot, from its start to its death."""

    def __init__(
        self, lives: Lives, url: str, bus: MemoryBus, front: FakeFront, doom: Doom
    ) -> None:
        self._lives, self._url, self._bus, self._front = lives, url, bus, front
        self.doom = doom
        self.channel = MemoryChannel("memory://test", on=bus)

    async def start(self) -> None:
        self.store = await Store.open(self._url)
        self.truth = self.store.ledger
        doomed: Any = self.store
        doomed.ledger = Doomed(
            self.store.ledger,
            self.doom,
            "start_job",
            "settle",
            "apply_updates",
            "cancel",
            "mark_reported",
        )
        doomed.posts = Doomed(self.store.posts, self.doom, "claim", "mark_shown", "mark_waiting")
        doomed.leases = Doomed(self.store.leases, self.doom)
        channel: Any = DoomedChannel(self.channel, self.doom)
        front: Any = Doomed(self._front, self.doom, "post", "edit", "find")
        self.bot = a_bot(self.store, channel, front, lease=0.3)
        with self._lives.of(self):
            await self.bot.start()

    async def end(self) -> None:
        self.doom.came.set()
        self._bus.leave(self.channel)
        self.channel.set_link(Link.DOWN, "killed")
        kill(self.bot)
        await self._lives.end(self)
        await self.store._database.close()


class Slow(Agent):
    """An agent that says nothing to the end until it is told to: so something is shown before, and
    is edited then."""

    async def _asked(self, request: Request) -> None:
        if request.command != "hail":
            await super()._asked(request)
        elif (request.id, request.attempt) not in self.started:
            self.started.append((request.id, request.attempt))
            self.requests.append(request)

    async def finish(self, state: State = State.SUCCEEDED, text: str = "done") -> None:
        request = self.requests[-1]
        if request.command == "hail":
            await self.say(Pong(job=request.job, request=request.id, facts=self.facts))
        else:
            await super().finish(state, text)


async def told(life: Life) -> bool:
    jobs = await life.truth.recent()
    return bool(jobs) and jobs[0].reported


async def scenario(lives: Lives, text: str, url: str, at: int) -> list[str]:
    """Ask `text`, die at step `at`, start anew; the steps that were done until then."""
    bus = MemoryBus("test")
    front = FakeFront()
    channels = [MemoryChannel("memory://test", on=bus) for _ in HOSTS]
    quick, slow = Agent(channels[0], HOSTS[0]), Slow(channels[1], HOSTS[1], waits=True)
    agents = [quick, slow]
    for agent in agents:
        await agent.start()

    life = Life(lives, url, bus, front, Doom(at))
    await life.start()
    ask = {"asker": ANN, "groups": no_groups, "place": PLACE, "key": "trigger-1"}
    replied = False
    try:
        replied = (await life.bot.dispatcher.ask(text, **ask)).ok  # type: ignore[arg-type]
    except Crash:
        assert life.doom.dead

    async def over() -> bool:
        return life.doom.dead or await told(life)

    await until(lambda: life.doom.dead or (front.shown and slow.requests), every=0.1)
    finished = not life.doom.dead
    if finished:
        await slow.finish()
    await until(over, every=0.1)
    steps = life.doom.steps
    if life.doom.dead:
        await life.end()
        life = Life(lives, url, bus, front, Doom(0))
        await life.start()
        if not replied:
            # Slack had no answer, so it delivers the same ask again
            assert (await life.bot.dispatcher.ask(text, **ask)).ok  # type: ignore[arg-type]
        if not finished:
            await until(lambda: slow.requests)
            await slow.finish()
        await until(lambda: told(life), every=0.1)
    await check(life, front, agents)
    await life.end()
    return steps if len(steps) == at else []


async def check(life: Life, front: FakeFront, agents: list[Agent]) -> None:
    """Nothing twice, nothing lost, the ledger closed, and the chat equal to it."""
    (job,) = await life.truth.recent()
    found = await life.truth.job(job.id)
    assert found is not None
    runs = found[1]
    assert [(run.host, run.state) for run in runs] == [(host, State.SUCCEEDED) for host in HOSTS]
    for agent in agents:
        assert len(agent.started) == 1
    assert not await life.truth.outbox()
    command = COMMANDS[job.command].command.from_arguments(job.arguments)
    tails = await life.truth.tails(job.id, bot.posts.job_posts.MAX_TAIL) if command.changes else {}
    posts = render_job(job, command, runs, tails, ServerVisibility())
    assert sorted(message.key for message in front.shown) == sorted(post.key for post in posts)
    main = front.one(job.id)
    for post in posts:
        message = front.one(post.key)
        assert message.content == post.content
        assert message.thread == (main.ref if post.parent else "")


@pytest.mark.parametrize(
    ("text", "least"), [("ship shop prod", 40), ("hail prod", 18)], ids=["change", "broadcast"]
)
async def test_the_bot_dies_between_every_two_steps(
    text: str, least: int, database: str, tmp_path: Path
) -> None:
    """Whenever it dies, the next one goes on in the same thread; nothing is done or said twice."""
    store = await Store.open(database)
    await store.servers.record([beat(host) for host in HOSTS], now())
    await store.close()
    lives = Lives()

    async def die(at: int) -> list[str]:
        file = tmp_path / f"life-{at}.db"
        shutil.copy(database.removeprefix("sqlite:///"), file)
        return await scenario(lives, text, f"sqlite:///{file}", at)

    points: list[str] = []
    kinds: set[str] = set()
    for first in range(1, 400, AT_ONCE):
        deaths = await asyncio.gather(*(die(at) for at in range(first, first + AT_ONCE)))
        points += [steps[-1] for steps in deaths if steps]
        kinds |= {step.split()[1] for steps in deaths for step in steps}
        if not all(deaths):
            break
    assert len(points) >= least
    assert kinds >= {
        "start_job",
        "sending",
        "settle",
        "apply_updates",
        "ack",
        "claim",
        "post",
        "mark_shown",
        "edit",
    }
