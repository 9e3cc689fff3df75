"""Deploys in waves, with real agents, releases and rollbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton.agent.journal import MemoryJournal
from baton.agent.service import Service
from baton.bus.messages import State, new_id
from baton.consumer import Extension
from baton.extensions import Commands
from baton.server import Server
from baton.settings import validated
from bot.app.bot import Bot
from bot.app.dispatching import commands_of
from bot.rollout.state import RolloutState
from commands.deploy import Deploy, DeployConsumer, DeploySettings
from commands.rollback import Rollback, RollbackConsumer
from tests.bot.build import ANN, OPS
from tests.bot.world import Stage, a_bot, no_groups
from tests.commands.conftest import Repository
from tests.support.wait import until

HOSTS = ("web-1", "web-2", "web-3", "web-4")


class Shop:
    """Four servers that deploy shop and go back; a version that is called bad fails its check on
    the servers that `sour` names."""

    def __init__(self, stage: Stage, folder: Path, repository: Repository) -> None:
        self.stage = stage
        self.folder = folder
        self.repository = repository
        self.tasks: list[tuple[Service, asyncio.Task[None]]] = []

    async def begin(self, *sour: str, irreversible: bool = False) -> None:
        for host in HOSTS:
            good = ["sh", "-c", "! grep -q bad version"] if host in sour else ["true"]
            table = {
                "path": str(self.folder / host),
                "repository": str(self.repository.path),
                "ref": "main",
                "steps": [{"run": good, "name": "check", "irreversible": irreversible}],
            }
            shop = validated(DeploySettings, {"shop": table}, file="x", key="deploy")
            server = Server("prod", fqdn=host, app_names=("shop",))
            service = Service(
                self.stage.channel(),
                server,
                [DeployConsumer(server, shop), RollbackConsumer(server, shop)],
                MemoryJournal(),
                heartbeat=0.2,
                drain=1.0,
            )
            self.tasks.append((service, asyncio.create_task(service.run())))
        known = Commands([Extension(Deploy, DeployConsumer), Extension(Rollback, RollbackConsumer)])
        self.bot: Bot = a_bot(
            self.stage.store,
            self.stage.channel(),
            self.stage.front,
            commands=commands_of(known),
            lease=2.0,
        )
        self.stage.bots.append(self.bot)
        await self.bot.start()
        await self.stage.knows(self.bot, *HOSTS)

    async def close(self) -> None:
        for service, task in self.tasks:
            service.stop()
            await task

    async def says(self, text: str) -> str:
        reply = await self.bot.dispatcher.ask(
            text, asker=ANN, groups=no_groups, place=OPS, key=new_id()
        )
        assert reply.ok, reply.text
        return reply.job

    async def rollout(self, job: str) -> RolloutState:
        found = await self.stage.store.ledger.job(job)
        assert found is not None
        assert found[0].hold is not None
        assert found[0].hold.rollout is not None
        return found[0].hold.rollout

    async def over(self, job: str) -> RolloutState:
        """How the rollout is once nobody looks after it any more."""

        async def is_over() -> bool:
            return (await self.rollout(job)).over

        await until(is_over)
        return await self.rollout(job)

    @property
    def live(self) -> list[str]:
        return [(self.folder / host / "current/version").read_text().strip() for host in HOSTS]


@pytest.fixture
async def shop(stage: Stage, tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(stage, tmp_path, Repository(tmp_path / "origin"))
    yield made
    await made.close()


async def test_a_bad_version_goes_back_by_itself(shop: Shop) -> None:
    """It passes the canary and fails on a server of the second wave: the one that has it goes back
    to what it had, the others never see it."""
    await shop.begin("web-2", "web-3", "web-4")
    await shop.stage.told(await shop.says("deploy shop prod"))
    assert shop.live == ["v2"] * 4
    shop.repository.commit("bad")
    job = await shop.says("deploy shop prod --canary 1 --wave 50% --healthy-for 0.3s --back")
    state = await shop.over(job)
    assert state.stopped.startswith("web-2 failed, web-3 failed") or "failed" in state.stopped
    await shop.stage.told(state.undone_by)
    undone = await shop.stage.states(state.undone_by)
    assert undone == {"web-1": State.SUCCEEDED}
    assert shop.live == ["v2"] * 4
    states = await shop.stage.states(job)
    assert states["web-1"] is State.SUCCEEDED
    assert State.CANCELLED in states.values()


async def test_what_cannot_be_undone_asks_first(shop: Shop) -> None:
    """A step is marked irreversible, so it does not go back by itself; a person may say so."""
    await shop.begin("web-2", irreversible=True)
    await shop.stage.told(await shop.says("deploy shop prod"))
    shop.repository.commit("bad")
    job = await shop.says("deploy shop prod --wave 1 --back")

    async def asks() -> bool:
        question = (await shop.rollout(job)).question
        return question is not None and "cannot be taken back" in question.text

    await until(asks)
    assert shop.live == ["bad", "v2", "v2", "v2"]
    assert not (await shop.rollout(job)).undone_by
    await shop.says(f"rollout {job} back")
    state = await shop.over(job)
    await shop.stage.told(state.undone_by)
    assert shop.live == ["v2"] * 4
