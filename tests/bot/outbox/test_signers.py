"""A job waits for the signatures that its servers count, and does not start only to be refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from baton.agent.trust.allow import AllowTable, reported
from baton.bus.facts import ApproveFacts, Facts
from baton.bus.messages import State, now
from baton.bus.signing.approval import Approval, approval, approved_text, write_token
from baton.bus.signing.private_key import PrivateKey
from bot.app.bot import Bot
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.reply import Reply
from bot.holds import waits_for
from bot.outbox.holding import LOOK_AGAIN
from bot.signers import signers_of, uncounted, unsigned
from tests.bot.build import ANN
from tests.bot.outbox.rolling_world import HOSTS
from tests.bot.outbox.rolling_world import World as Rolling
from tests.bot.outbox.test_holding import BEA, CEM, DAN, PROD, World
from tests.bot.outbox.test_signed_approvals import KEYS, token
from tests.bot.world import Agent, Stage
from tests.support.authenticator import Authenticator
from tests.support.wait import until

LINES = [key.public.line for key in KEYS.values()]
BOTH = "signed approvals 0 of 2, which web-1 counts (bea, cem may)"
SIGN = "approve with: baton approve JOB --sign"


def rules(need: int = 2, **more: Any) -> tuple[ApproveFacts, ...]:
    """What an agent with such a file says in its heartbeats."""
    table = {"approve": {"of": LINES, "need": need, **more}}
    return reported(AllowTable.model_validate(table).approve)


async def count(bot: Bot, agent: Agent, approve: tuple[ApproveFacts, ...]) -> None:
    """`agent` says so, and the bot has heard it."""
    agent.facts = agent.facts.model_copy(update={"approve": approve})
    await agent.beat()
    await until(
        lambda: any(
            (seen.facts.host, seen.facts.approve) == (agent.host, approve)
            for seen in bot.servers.servers()
        )
    )


async def tells(world: World, agent: Agent, approve: tuple[ApproveFacts, ...]) -> None:
    await count(world.bot, agent, approve)


async def begin(stage: Stage, *gates: GateTable) -> World:
    made = World(stage, *gates)
    await made.begin()
    await tells(made, made.agents[0], rules())
    return made


@pytest.fixture
async def world(stage: Stage) -> World:
    """A bot whose rules want two approvals, and a server that counts two signatures."""
    return await begin(stage, PROD)


async def test_what_servers_count_is_said_before_anybody_asks_and_votes(world: World) -> None:
    """`--why`, the post and the answer to a button say the same."""
    why = await world.says(ANN, "ship shop prod --why")
    assert f"{BOTH}: {SIGN}." in str(why.answer)
    asked = await world.says(ANN, "ship shop prod")
    await until(lambda: world.shown(asked.job) is not None)
    assert world.shown(asked.job).summary == f"approvals 0 of 2 (@leads may); {BOTH}: {SIGN}"
    by_button = await world.says(BEA, f"approve {asked.job}")
    assert f"It still waits: approvals 1 of 2 (@leads may); {BOTH}" in by_button.text


async def test_it_starts_once_the_signatures_are_there(world: World) -> None:
    """Approvals by button alone start nothing, though they are enough for the bot."""
    asked = await world.says(ANN, "ship shop prod")
    job = await world.job(asked.job)
    await world.says(BEA, f"approve {job.id}")
    second = await world.says(CEM, f"approve {job.id} --signature {token(job, CEM.id)}")
    assert "It still waits: approvals 2 of 2 (@leads may); signed approvals 1 of 2" in second.text
    assert "(bea, cem may; cem has)" in second.text
    assert set((await world.stage.states(job.id)).values()) == {State.HELD}
    assert await world.stage.store.ledger.outbox() == []
    await world.says(BEA, f"approve {job.id} --signature {token(job, BEA.id)}")
    await world.stage.told(job.id)
    assert world.started == 2
    assert len(world.agents[0].requests[0].approvals) == 2


async def test_without_a_rule_of_the_bot_it_waits_for_the_signatures(stage: Stage) -> None:
    """Whoever may ask for the same may sign; a server that counts nothing changes nothing."""
    world = await begin(stage)
    asked = await world.says(ANN, "ship shop prod")
    job = await world.job(asked.job)
    assert set((await world.stage.states(job.id)).values()) == {State.HELD}
    own = await world.says(ANN, f"approve {job.id} --signature {token(job, BEA.id)}")
    assert not own.ok
    for who in (BEA, CEM):
        await world.says(who, f"approve {job.id} --signature {token(job, who.id)}")
    await world.stage.told(job.id)
    alone = await world.says(ANN, "ship shop prod --host web-2")
    await world.stage.told(alone.job)
    assert world.started == 3


async def test_what_a_server_counts_by_now_is_asked_at_the_start(stage: Stage) -> None:
    """Its file was changed while people voted: the post says what is missing, and nothing is
    sent."""
    world = World(stage, PROD)
    await world.begin()
    asked = await world.says(ANN, "ship shop prod")
    job = await world.job(asked.job)
    await tells(world, world.agents[0], rules(1))
    await world.says(BEA, f"approve {job.id}")
    await world.says(CEM, f"approve {job.id}")

    async def waits() -> bool:
        hold = (await world.job(job.id)).hold
        return hold is not None and "signed approvals 0 of 1, which" in hold.waits

    await until(waits)
    assert world.started == 0


def test_it_counts_as_a_server_does() -> None:
    """A key counts once, one of nobody's not at all, and after 24 hours none."""
    facts = [
        Facts(host=host, environment="prod", approve=rules(apps=apps))
        for host, apps in (("web-1", ["*"]), ("web-2", ["*"]), ("web-3", ["billing"]))
    ]
    (found,) = signers_of(facts, "ship", "shop")
    assert (found.hosts, found.need) == (("web-1", "web-2"), 2)
    assert signers_of(facts[2:], "ship", "shop") == ()
    at = now()

    def by(key: PrivateKey, hours: float = 0) -> Approval:
        return approval("sha256:0", at - timedelta(hours=hours), key.public, b"0" * 64)

    bea, cem = KEYS.values()
    assert "1 of 2" in unsigned([found], [by(bea), by(bea), by(PrivateKey.new())], at)
    assert unsigned([found], [by(bea), by(cem)], at) == ""
    late = unsigned([found], [by(bea), by(cem, 25)], at)
    assert "1 of 2" in late
    assert "those of more than 24 hours ago do not count" in late


async def test_who_signs_with_a_key_that_nobody_counts_reads_so(world: World) -> None:
    """Their line is missing in the files of the servers: nobody else would tell them."""
    dan, job = PrivateKey.new("dan"), await world.job((await world.says(ANN, "ship shop prod")).job)
    at = now().replace(microsecond=0)
    text = dan.sign(approved_text(job.plan_digest, at))
    word = write_token(approval(job.plan_digest, at, dan.public, text), dan.public)
    said = await world.says(DAN, f"approve {job.id} --signature {word}")
    assert said.text.startswith("Approved: ")
    assert f"No server of it counts the key {dan.public.fingerprint}: its line" in said.text


def test_a_passkey_counts_on_the_pages_that_servers_name() -> None:
    """As they look at it themselves."""
    key = Authenticator("bea")
    table = {"approve": {"of": [key.public.line]}}
    facts = Facts(
        host="web-1", environment="prod", approve=reported(AllowTable.model_validate(table).approve)
    )
    signers = signers_of([facts], "ship", "shop")
    good = key.approves("sha256:0", now())
    bad = key.approves("sha256:0", now(), origin="https://baton.example.com:8443")
    assert (unsigned(signers, [good]), uncounted(signers, good)) == ("", "")
    assert "or with a passkey on its page" in unsigned(signers, [bad])
    assert "a passkey that is used on https://baton.example.com:8443" in uncounted(signers, bad)


def test_rules_that_do_not_fit_into_a_heartbeat_are_left_out() -> None:
    """A heartbeat stays small; the agent counts all of them."""
    many = AllowTable.model_validate({"approve": [{"of": LINES} for _ in range(60)]})
    assert len(reported(many.approve)) == 20
    long = [{"of": LINES, "apps": [f"{'a' * 90}{n}" for n in range(90)]}]
    assert reported(AllowTable.model_validate({"approve": long}).approve) == ()


class Waves(Rolling):
    """A bot, and servers that go in waves and count one signature of bea's or cem's."""

    async def begin(self, *gates: GateTable, **options: Any) -> Bot:
        made = await super().begin(*gates, **options)
        for agent in self.agents.values():
            await count(made, agent, rules(1))
        return made

    async def signs(self, id: str, age: float = 0) -> Reply:
        """Bea signs the plan of that job, some hours ago."""
        word = token(await self.job(id), BEA.id, now() - timedelta(hours=age))
        return await self.says(f"approve {id} --signature {word}", BEA)


async def test_a_wave_waits_for_signatures_that_count_still(stage: Stage) -> None:
    """Those of the first wave are a day old when the next one is due: it is signed anew, and goes
    on. Nobody is asked to sign what has ended."""
    world = Waves(stage)
    await world.begin()
    id = (await world.says("ship shop prod --canary 1 --pause")).job
    await world.signs(id, age=23)
    await world.begun("web-1")
    await world.ends("web-1")
    await world.waits(id, "Wave 1 is done")
    await world.later(hours=2)
    await world.says(f"rollout {id} go-on")
    await world.waits(id, "wave 2 waits: signed approvals 0 of 1, which web-2, web-3, web-4 count")
    await world.waits(id, "those of more than 24 hours ago do not count")
    assert world.started == {"web-1"}
    no = await world.says(f"approve {id}", BEA)
    assert not no.text.startswith("Signed")
    own = await world.signs(id)
    assert own.text.startswith("Signed: ship shop prod")
    await world.later(seconds=LOOK_AGAIN)
    await world.begun(*HOSTS)
    assert len(world.agents["web-2"].requests[0].approvals) == 1
    await world.ends("web-2", "web-3", "web-4")
    await world.stage.told(id)
    assert "it ended" in (await world.signs(id)).text


@pytest.mark.parametrize("counting", [HOSTS, ("web-2",)])
async def test_what_goes_back_waits_for_signatures_that_all_its_servers_count(
    stage: Stage, counting: tuple[str, ...]
) -> None:
    """It would only be refused. If some count none they go back at once."""
    world = Rolling(stage)
    made = await world.begin()
    for host in counting:
        await count(made, world.agents[host], rules(1, commands=["unship"]))
    id = await world.rolls("ship shop prod --wave 1 --back", "web-1")
    await world.ends("web-1")
    await world.begun("web-1", "web-2")
    await world.ends("web-2", state=State.FAILED, text="exit code 1")
    undo = (await world.over(id)).undone_by
    if counting == HOSTS:
        hold = await world.hold(undo)
        assert "signed approvals 0 of 1, which web-1 counts" in waits_for(hold, [], "", 1)
        word = token(await world.job(undo), BEA.id)
        await world.says(f"approve {undo} --signature {word}", BEA)
    await until(lambda: world.agents["web-1"].requests[-1].command == "unship")
