"""A deploy that waits for approval, with real agents and a real repository: what is approved is
what is deployed, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from baton.agent.journal import MemoryJournal
from baton.agent.service import Service
from baton.agent.trust.allow import AllowTable
from baton.agent.trust.allowance import Allowance
from baton.bus.exchanges import agent_queue
from baton.bus.messages import Person, State, new_id
from baton.consumer import Extension
from baton.extensions import Commands
from baton.server import Server
from baton.settings import validated
from bot.app.bot import Bot
from bot.app.dispatching import commands_of
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.reply import Reply
from bot.jobs import Job
from bot.outbox.holding import SILENT
from commands.deploy import Deploy, DeployConsumer, DeploySettings
from tests.bot.build import ANN, OPS
from tests.bot.world import Stage, a_bot, no_groups
from tests.commands.conftest import Repository
from tests.support.wait import until

BEA = Person(id="U_BEA", name="bea")
GATES = (GateTable(approvals=1, of=("U_BEA",)),)


class Shop:
    """Two servers that deploy shop, and a bot that wants approval for it."""

    def __init__(self, stage: Stage, folder: Path, repository: Repository) -> None:
        self.stage = stage
        self.folder = folder
        self.repository = repository
        self.agents: dict[str, tuple[Service, asyncio.Task[None]]] = {}

    async def begin(self) -> None:
        for host in ("web-1", "web-2"):
            await self.start(host)
        self.bot: Bot = a_bot(
            self.stage.store,
            self.stage.channel(),
            self.stage.front,
            commands=commands_of(Commands([Extension(Deploy, DeployConsumer)])),
            gates=GATES,
            lease=2.0,
        )
        self.stage.bots.append(self.bot)
        await self.bot.start()
        await self.stage.knows(self.bot, "web-1", "web-2")

    async def start(
        self, host: str, *, allow: Mapping[str, Any] | None = None, **settings: Any
    ) -> None:
        table = {
            "path": str(self.folder / host),
            "repository": str(self.repository.path),
            "ref": "main",
            **settings,
        }
        shop = validated(DeploySettings, {"shop": table}, file="x", key="deploy")
        server = Server("prod", fqdn=host, app_names=("shop",))
        consumer = DeployConsumer(server, shop)
        service = Service(
            self.stage.channel(),
            server,
            [consumer],
            MemoryJournal(),
            heartbeat=0.2,
            drain=1.0,
            allowance=Allowance(AllowTable.model_validate(allow or {}), "agent.toml"),
        )
        self.agents[host] = (service, asyncio.create_task(service.run()))

    async def stop(self, host: str) -> None:
        service, task = self.agents.pop(host)
        service.stop()
        await task

    async def close(self) -> None:
        for host in list(self.agents):
            await self.stop(host)

    async def says(self, person: Person, text: str) -> Reply:
        return await self.bot.dispatcher.ask(
            text, asker=person, groups=no_groups, place=OPS, key=new_id()
        )

    async def job(self, id: str) -> Job:
        found = await self.stage.store.ledger.job(id)
        assert found is not None
        return found[0]

    async def asked(self, text: str) -> str:
        """The job of `text`, once people can see what it would do."""
        reply = await self.says(ANN, text)
        assert reply.ok, reply.text

        async def is_planned() -> bool:
            return bool((await self.job(reply.job)).plan_digest)

        await until(is_planned)
        return reply.job

    def shown(self, key: str) -> str:
        """What the post of that key shows; empty if there is none."""
        return "".join(str(one.content) for one in self.stage.front.shown if one.key == key)

    def live(self, host: str) -> str:
        return (self.folder / host / "current" / "version").read_text().strip()


@pytest.fixture
async def shop(stage: Stage, tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(stage, tmp_path, Repository(tmp_path / "origin"))
    await made.begin()
    yield made
    await made.close()


async def test_a_push_after_the_approval_is_not_deployed(shop: Shop) -> None:
    """The branch moves between ask, approval and start: the commit that was shown goes live; the
    post says how many commits that is."""
    first = await shop.asked("deploy shop prod")
    shop.repository.commit("v3")
    await shop.says(BEA, f"approve {first}")
    await shop.stage.told(first)
    assert (shop.live("web-1"), shop.live("web-2")) == ("v2", "v2")
    second = await shop.asked("deploy shop prod")
    before, after = (shop.repository.git("rev-parse", name)[:8] for name in ("v2", "v3"))
    await until(lambda: f"(web-1, web-2): main ({before}) -> {after}" in shop.shown(second))
    shop.repository.commit("v4")
    await shop.says(BEA, f"approve {second}")
    await shop.stage.told(second)
    assert (shop.live("web-1"), shop.live("web-2")) == ("v3", "v3")


async def test_other_settings_are_asked_about_anew(shop: Shop) -> None:
    """A server got a step more between ask and approval: nothing starts, and people read which."""
    job = await shop.asked("deploy shop prod")
    await shop.stop("web-2")
    await shop.start("web-2", steps=[{"run": ["true"], "name": "migrate", "irreversible": True}])
    await shop.says(BEA, f"approve {job}")

    async def is_asked_anew() -> bool:
        hold = (await shop.job(job)).hold
        return hold is not None and hold.changed == ("web-2: its settings have changed",)

    await until(is_asked_anew)
    assert set((await shop.stage.states(job)).values()) == {State.HELD}
    await until(lambda: "cannot be undone: migrate" in shop.shown(job))
    assert (await shop.says(BEA, f"approve {job}")).ok
    await shop.stage.told(job)
    assert (shop.live("web-1"), shop.live("web-2")) == ("v2", "v2")


async def test_a_commit_that_is_gone_is_refused(shop: Shop) -> None:
    """Somebody rewrote the branch after the approval: each server refuses, nothing is deployed."""
    job = await shop.asked("deploy shop prod")
    shop.repository.git("tag", "--delete", "v2")
    shop.repository.git("reset", "--quiet", "--hard", "v1")
    await shop.says(BEA, f"approve {job}")
    await shop.stage.told(job)
    found = await shop.stage.store.ledger.job(job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.REFUSED}
    assert found[1][0].text.startswith("The commit that was approved is not there any more")
    assert not (shop.folder / "web-1" / "current").exists()


async def test_what_a_server_allows_nobody_is_in_the_plan(shop: Shop) -> None:
    """People read it before they approve, and not once it is refused; the other server deploys."""
    await shop.stop("web-2")
    await shop.start("web-2", allow={"refs": ["v*"], "requesters": ["U_BEA"]})
    id = await shop.asked("deploy shop prod --ref main")
    reason = "the version “main” is not allowed on this server, which allows v*"
    await until(lambda: f"(web-2): {reason} (agent.toml: [allow] refs)" in shop.shown(id))
    await shop.says(BEA, f"approve {id}")
    await shop.stage.told(id)
    states = await shop.stage.states(id)
    assert states == {"web-1": State.SUCCEEDED, "web-2": State.REFUSED}


async def test_a_server_that_cannot_say_what_it_would_do_is_named_and_gets_no_request(
    shop: Shop,
) -> None:
    """Its agent is stopped: people see that before they agree, and the others start."""
    await shop.stop("web-2")
    shop.stage.bus.delete_queue(agent_queue("web-2").name)
    job = await shop.asked("deploy shop prod")
    await until(lambda: SILENT in shop.shown(job))
    await shop.says(BEA, f"approve {job}")
    await shop.stage.told(job)
    found = await shop.stage.store.ledger.job(job)
    assert found is not None
    ends = {run.host: (run.state, run.text) for run in found[1]}
    assert ends["web-1"][0] is State.SUCCEEDED
    assert ends["web-2"] == (State.REFUSED, SILENT)
    assert shop.live("web-1") == "v2"
