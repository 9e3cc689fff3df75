"""kill -9 of either of two bots at each step of a rollout, over PostgreSQL, while people say things
and servers end in every way."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from typing import Any

import pytest

from baton.bus.messages import Request, State, new_id
from bot.dispatch.gates.tables import GateTable
from bot.jobs import Job, RunRecord
from tests.bot.app.test_crashes_of_holds import BEA, Life, Scene, hurry
from tests.bot.build import ANN
from tests.bot.dying import Lives
from tests.bot.rolling import COMMANDS
from tests.bot.world import Agent
from tests.support.wait import until

__all__ = ["hurry"]  # a fixture that is used by being here

pytestmark = [
    pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HOSTS = tuple(f"web-{number}" for number in range(1, 7))
SEEDS = int(os.environ.get("BATON_SEEDS", "3"))
FIRST = int(os.environ.get("BATON_FIRST_SEED", "0"))
LIMIT = 2
"""Servers that may be unavailable at a time: a wave."""
ENDS = [State.SUCCEEDED] * 8 + [State.FAILED, State.INTERRUPTED, State.REFUSED]


class RollingLife(Life):
    """A bot that goes through its servers in waves."""

    gates = (GateTable.model_validate({"canary": 1, "wave": LIMIT, "back": True, "max_failed": 1}),)
    commands = COMMANDS


class Fleet(Scene):
    """Servers that take a moment, and end as chance has it; it counts how many are changed at a
    time."""

    life = RollingLife

    def __init__(self, lives: Lives, url: str, seed: int) -> None:
        super().__init__(lives, url, seed, HOSTS, waits=True)
        self.order: list[str] = []
        self.ended: dict[str, State] = {}
        self.most = 0
        self.allowed: list[str] = []
        """What people said that lets it go on in spite of something."""

    async def serve(self) -> None:
        """Let each run end after a moment, until cancelled."""
        done: set[str] = set()
        while True:
            await asyncio.sleep(0.02)
            open_runs = [
                (agent, request)
                for agent in self.agents
                for request in agent.requests
                if request.id not in done
            ]
            changed = {agent.host for agent, request in open_runs if request.command == "ship"}
            self.most = max(self.most, len(changed))
            for agent, request in open_runs:
                if request.command == "ship" and agent.host not in self.order:
                    self.order.append(agent.host)
                if self.chance.random() < 0.5:
                    done.add(request.id)
                    await self._end(agent, request)

    async def _end(self, agent: Agent, request: Request) -> None:
        state = self.chance.choice(ENDS) if request.command == "ship" else State.SUCCEEDED
        if request.command == "ship":
            self.ended[agent.host] = state
        await agent.update(request, state, "so it ended")

    async def speak(self, job: str) -> None:
        """Say something now and then, and answer each question, until nobody looks after it."""
        while True:
            found = await self.found(job)
            state = found[0].hold.rollout
            if state.over:
                return
            said = ""
            if state.question is not None or state.paused:
                said = self.chance.choice(["go-on"] * 4 + ["back"])
            elif self.chance.random() < 0.1:
                said = self.chance.choice(["pause", "slower", f"skip --host {HOSTS[-1]}"])
            if said:
                self.allowed.append(said)
                await self.says(self.chance.choice([ANN, BEA]), f"rollout {job} {said}", new_id())
            await asyncio.sleep(0.03)


def check(fleet: Fleet, job: Job, runs: Sequence[RunRecord]) -> None:
    """Hold the rows, and what the servers have seen, to what is promised."""
    ships = {
        agent.host: [one for one in agent.requests if one.command == "ship"]
        for agent in fleet.agents
    }
    assert all(len(some) <= 1 for some in ships.values()), "started twice"
    assert fleet.most <= LIMIT, "too many at a time"
    assert all(run.state.final for run in runs)
    for run in runs:
        assert run.host not in fleet.ended or run.state is fleet.ended[run.host], run
    assert job.hold is not None
    state = job.hold.rollout
    assert state is not None
    assert fleet.order[:1] in ([], ["web-1"])
    canary = fleet.ended.get("web-1")
    if canary is not State.SUCCEEDED and "go-on" not in fleet.allowed:
        assert fleet.order in ([], ["web-1"]), "a canary that failed touched others"
    waves = [state.waves[host] for host in fleet.order]
    assert waves == sorted(waves), "a later wave came first"
    undone = [
        agent.host
        for agent in fleet.agents
        if any(request.command == "unship" for request in agent.requests)
    ]
    good = [host for host, end in fleet.ended.items() if end is State.SUCCEEDED]
    assert all(sum(one.command == "unship" for one in a.requests) <= 1 for a in fleet.agents)
    assert sorted(undone) == (sorted(good) if state.undone_by else [])


async def one_seed(lives: Lives, url: str, seed: int) -> bool:
    """Play it; return whether a bot died on the way."""
    fleet = Fleet(lives, url, seed)
    await fleet.begin()
    serving = asyncio.create_task(fleet.serve())
    try:
        asked = await fleet.says(ANN, "ship shop prod", f"ask-{seed}-{new_id()}")
        assert asked.ok, asked.text
        await fleet.speak(asked.job)

        async def is_told(job: str) -> Any:
            found = await fleet.found(job)
            return found is not None and found[0].reported

        await until(lambda: is_told(asked.job), every=0.03)
        job, runs = await fleet.found(asked.job)
        if job.hold.rollout.undone_by:
            await until(lambda: is_told(job.hold.rollout.undone_by), every=0.03)
        check(fleet, job, runs)
        died = any(life.ended for life in fleet.bots)
        await fleet.restart()
        check(fleet, *await fleet.found(asked.job))
        return died
    except BaseException as error:
        error.add_note(f"seed {seed}, {fleet.fatal.name}, said {fleet.allowed}")
        raise
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await fleet.end()


async def test_whoever_dies_no_wave_is_opened_twice_or_too_early(postgres_database: str) -> None:
    """Each server starts at most once, never more at a time than may be unavailable, wave after
    wave. A canary that fails touches nobody else; what is taken back is what succeeded, once."""
    lives = Lives()
    died = [await one_seed(lives, postgres_database, seed) for seed in range(FIRST, FIRST + SEEDS)]
    assert sum(died) >= len(died) / 3, "hardly anybody dies"
