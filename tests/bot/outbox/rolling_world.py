"""A bot with rules, four servers that end their runs as tests say, and people who say things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from baton.bus.messages import State, new_id
from bot.app.bot import Bot
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.reply import Reply, ReplyKind
from bot.holds import Hold
from bot.jobs import Job
from bot.rollout.state import RolloutState
from tests.bot.build import ANN, OPS
from tests.bot.outbox.test_holding import Clock
from tests.bot.rolling import COMMANDS
from tests.bot.world import Agent, Stage, a_bot, no_groups
from tests.support.policy import OPEN
from tests.support.wait import until

HOSTS = ("web-1", "web-2", "web-3", "web-4")


class World:
    """A bot with rules, four servers, and people who say things."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.clock = Clock()
        self.agents: dict[str, Agent] = {}
        self._looking = asyncio.Lock()

    async def begin(self, *gates: GateTable, **options: Any) -> Bot:
        for host in HOSTS:
            self.agents[host] = await self.stage.agent(host, waits=True)
        self.bot = a_bot(
            self.stage.store,
            self.stage.channel(),
            self.stage.front,
            policy=OPEN,
            **{"commands": COMMANDS, **options},
            gates=gates,
            clock=self.clock,
        )
        self.stage.bots.append(self.bot)
        held: Any = self.bot.held_jobs
        look = held.round

        async def one_at_a_time() -> None:
            async with self._looking:
                await look()

        held.round = one_at_a_time
        await self.bot.start()
        for agent in self.agents.values():
            await agent.beat()
        await self.stage.knows(self.bot, *HOSTS)
        return self.bot

    async def says(self, text: str, person: Any = ANN, groups: Any = no_groups) -> Reply:
        return await self.bot.dispatcher.ask(
            text, asker=person, groups=groups, place=OPS, key=new_id()
        )

    async def rolls(self, text: str, *hosts: str) -> str:
        """The job of `text`, once it has begun on `hosts` and nowhere else."""
        reply = await self.says(text)
        assert reply.kind is ReplyKind.STARTED, reply.text
        await self.begun(*hosts)
        return reply.job

    async def begun(self, *hosts: str) -> None:
        """Return once exactly these servers have begun."""
        await until(lambda: set(hosts) <= self.started)
        assert self.started == set(hosts)

    @property
    def started(self) -> set[str]:
        return {host for host, agent in self.agents.items() if agent.started}

    async def ends(self, *hosts: str, state: State = State.SUCCEEDED, text: str = "done") -> None:
        for host in hosts:
            await self.agents[host].finish(state, text)

    async def later(self, silent: Collection[str] = (), **passed: float) -> None:
        """Let that much time pass; the servers are well, but for those that are `silent`."""
        await self.at(self.clock.at + timedelta(**passed), silent)

    async def at(self, moment: datetime, silent: Collection[str] = ()) -> None:
        """Let it be that moment; the servers are well, but for those that are `silent`. The bot
        looks at no rollout before it has heard them: it would see that all have been silent."""
        held: Any = self.bot.held_jobs
        async with self._looking:
            await until(lambda: not held._busy)
            self.clock.at = moment
            well = set(self.agents) - set(silent)
            for host in well:
                await self.agents[host].beat()
            await until(lambda: well <= self._heard_now())
        self.bot.held_jobs.wake()

    def _heard_now(self) -> set[str]:
        """The servers that the bot has heard at this moment."""
        servers = self.bot.servers.servers()
        return {one.facts.host for one in servers if not one.silent}

    async def job(self, id: str) -> Job:
        found = await self.stage.store.ledger.job(id)
        assert found is not None
        return found[0]

    async def hold(self, id: str) -> Hold:
        hold = (await self.job(id)).hold
        assert hold is not None
        return hold

    async def rollout(self, id: str) -> RolloutState:
        state = (await self.hold(id)).rollout
        assert state is not None
        return state

    async def looked(self, id: str) -> None:
        """Return once the bot has looked at the job, and found nothing to do."""
        held: Any = self.bot.held_jobs
        while True:
            before = await self.job(id)
            await held.round()
            await until(lambda: id not in held._busy)
            if (await self.job(id)).revision == before.revision:
                return

    async def waits(self, id: str, text: str) -> None:
        """Return once the job says that it waits for `text`."""

        async def says_so() -> bool:
            return text in (await self.hold(id)).waits

        await until(says_so)

    async def over(self, id: str) -> RolloutState:
        """How the rollout is once nobody looks after it any more."""

        async def is_over() -> bool:
            return (await self.rollout(id)).over

        await until(is_over)
        return await self.rollout(id)

    def shown(self, key: str) -> Any:
        found = [one.content for one in self.stage.front.shown if one.key == key]
        return found[0] if found else None

    async def sees(self, key: str, seen: Callable[[Any], bool]) -> Any:
        await until(lambda: self.shown(key) is not None and seen(self.shown(key)))
        return self.shown(key)
