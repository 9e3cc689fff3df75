"""Jobs that are held: who may let them start, that they start once, and how they end otherwise."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from baton.bus.messages import Person, State, new_id
from bot.app.bot import Bot
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.policy import Policy, Rule
from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import Job
from bot.outbox.holding import LOOK_AGAIN
from tests.bot.build import ANN, OPS, T0
from tests.bot.world import Stage, a_bot, no_groups
from tests.support.policy import OPEN
from tests.support.wait import until

BEA, CEM, DAN = (Person(id=f"U_{name.upper()}", name=name) for name in ("bea", "cem", "dan"))
PROD = GateTable(environments=("prod",), approvals=2, of=("leads",))
CONFIRM = GateTable(environments=("prod",), confirm=True)


async def leads() -> frozenset[str]:
    return frozenset({"leads"})


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.at = datetime.now(T0.tzinfo)

    def __call__(self) -> datetime:
        return self.at


class World:
    """A bot with rules, two servers, and people who vote."""

    def __init__(self, stage: Stage, *gates: GateTable) -> None:
        self.stage = stage
        self.gates = gates
        self.clock = Clock()
        self.policy = OPEN

    async def begin(self) -> Bot:
        self.agents = [await self.stage.agent(host) for host in ("web-1", "web-2")]
        self.bot = a_bot(
            self.stage.store,
            self.stage.channel(),
            self.stage.front,
            policy=self.policy,
            gates=self.gates,
            clock=self.clock,
        )
        self.stage.bots.append(self.bot)
        await self.bot.start()
        for agent in self.agents:
            await agent.beat()
        await self.stage.knows(self.bot, "web-1", "web-2")
        return self.bot

    async def says(self, person: Person, text: str, groups: object = leads) -> Reply:
        return await self.bot.dispatcher.ask(
            text,
            asker=person,
            groups=groups,  # type: ignore[arg-type]
            place=OPS,
            key=new_id(),
        )

    async def job(self, id: str) -> Job:
        found = await self.stage.store.ledger.job(id)
        assert found is not None
        return found[0]

    def shown(self, key: str) -> Any:
        """What the post of that key shows; None if there is none."""
        found = [one.content for one in self.stage.front.shown if one.key == key]
        return found[0] if found else None

    @property
    def started(self) -> int:
        return sum(len(agent.started) for agent in self.agents)


@pytest.fixture
async def world(stage: Stage) -> World:
    made = World(stage, PROD)
    await made.begin()
    return made


async def test_nothing_is_sent_before_enough_others_have_approved(world: World) -> None:
    """It is held, the first approval changes that nothing, the second starts it on each server
    once; the post says who."""
    asked = await world.says(ANN, "ship shop prod")
    assert asked.kind is ReplyKind.STARTED
    states = await world.stage.states(asked.job)
    assert set(states.values()) == {State.HELD}
    assert await world.stage.store.ledger.outbox() == []
    first = await world.says(BEA, f"approve {asked.job}")
    assert "approvals 1 of 2 (@leads may)" in first.text
    again = await world.says(BEA, f"approve {asked.job}")
    assert again.text.startswith("You have already approved")
    assert set((await world.stage.states(asked.job)).values()) == {State.HELD}
    assert world.started == 0
    assert "starts now" in (await world.says(CEM, f"approve {asked.job}")).text
    await world.stage.told(asked.job)
    assert world.started == 2
    assert {len(agent.started) for agent in world.agents} == {1}
    shown = world.shown(asked.job)
    assert "Approved by bea and cem." in shown.lines
    late = await world.says(DAN, f"approve {asked.job}")
    assert "was approved by bea and cem and started at" in late.text
    assert late.text.endswith("it ended: 2 succeeded.")
    request = world.agents[0].requests[0]
    assert request.plan is not None
    assert request.plan.hosts == ["web-1", "web-2"]


async def test_whoever_may_not_approve_reads_the_rule(world: World) -> None:
    """Not the asker, not somebody outside of the group; and no vote is written."""
    asked = await world.says(ANN, "ship shop prod")
    own = await world.says(ANN, f"approve {asked.job}")
    assert own.kind is ReplyKind.REFUSED
    assert "you asked for it, so others approve it. @leads may approve it (2 needed)." in own.text
    stranger = await world.says(DAN, f"approve {asked.job}", no_groups)
    assert stranger.kind is ReplyKind.REFUSED
    assert "@leads may approve it" in stranger.text
    confirm = await world.says(ANN, f"confirm {asked.job}")
    assert "has not to be confirmed" in confirm.text
    assert (await world.job(asked.job)).votes == ()


async def test_one_denial_ends_it_and_says_who_and_why(world: World) -> None:
    """Nothing was sent; who presses an old button reads it."""
    asked = await world.says(ANN, "ship shop prod")
    await world.says(BEA, f"approve {asked.job}")
    reply = await world.says(CEM, f"deny {asked.job} because not on Fridays")
    assert "nothing was sent" in reply.text
    assert set((await world.stage.states(asked.job)).values()) == {State.REFUSED}
    await world.stage.told(asked.job)
    found = await world.stage.store.ledger.job(asked.job)
    assert found is not None
    assert {run.text for run in found[1]} == {"denied by cem: not on Fridays"}
    late = await world.says(BEA, f"approve {asked.job}")
    assert "ended before it started: denied by cem: not on Fridays." in late.text
    assert world.started == 0


async def test_whoever_asked_may_withdraw(world: World) -> None:
    """No server gets a Cancel: none had heard of it."""
    asked = await world.says(ANN, "ship shop prod")
    reply = await world.says(ANN, f"cancel {asked.job}")
    assert "No server had started it" in reply.text
    assert set((await world.stage.states(asked.job)).values()) == {State.CANCELLED}
    await world.stage.told(asked.job)
    assert [agent.cancels for agent in world.agents] == [[], []]
    late = await world.says(BEA, f"approve {asked.job}")
    assert late.text.endswith("withdrawn by ann.")


async def test_it_warns_before_it_expires_and_expires_while_the_bot_is_blind(
    world: World,
) -> None:
    """Three quarters of the time over: the thread says so. At its end it is expired, not denied,
    also without a link to RabbitMQ: nothing of it was ever sent."""
    asked = await world.says(ANN, "ship shop prod")
    await world.says(BEA, f"approve {asked.job}")
    world.clock.at += timedelta(seconds=2_701)
    world.bot.held_jobs.wake()

    async def has_warned() -> bool:
        hold = (await world.job(asked.job)).hold
        return hold is not None and bool(hold.warning)

    await until(has_warned)
    await until(lambda: world.shown(f"{asked.job}?") is not None)
    assert "approvals 1 of 2" in world.shown(f"{asked.job}?").text
    world.stage.bus.down()
    world.clock.at += timedelta(seconds=900)
    await world.stage.told(asked.job)
    found = await world.stage.store.ledger.job(asked.job)
    assert found is not None
    assert {(run.state, run.text) for run in found[1]} == {
        (State.EXPIRED, "not approved within 1 h: approvals 1 of 2 (@leads may)")
    }


async def test_the_asker_must_still_be_allowed_at_the_start(stage: Stage) -> None:
    """Between ask and start the rule was taken away: it ends as refused, with the words of the
    policy."""
    world = World(stage, PROD)
    await world.begin()
    asked = await world.says(ANN, "ship shop prod")
    await world.says(BEA, f"approve {asked.job}")
    world.bot.dispatching.authorizer.policy = Policy([Rule(who=("U_BEA",))])
    await world.says(CEM, f"approve {asked.job}")
    await stage.told(asked.job)
    found = await stage.store.ledger.job(asked.job)
    assert found is not None
    assert {run.state for run in found[1]} == {State.REFUSED}
    assert found[1][0].text.startswith("ann, who asked, may not ask for it any more: Not allowed")
    assert world.started == 0


async def test_a_server_more_is_asked_about_anew(world: World) -> None:
    """What people approved was two servers: the third is said, and the votes do not count for it;
    a button of the old plan counts nothing."""
    asked = await world.says(ANN, "ship shop prod")
    old = (await world.job(asked.job)).plan_digest.removeprefix("sha256:")[:8]
    await world.says(BEA, f"approve {asked.job}")
    third = await world.stage.agent("web-3")
    await third.beat()
    await world.stage.knows(world.bot, "web-3")
    await world.says(CEM, f"approve {asked.job} --plan {old}")

    async def is_changed() -> bool:
        hold = (await world.job(asked.job)).hold
        return hold is not None and hold.changed == ("web-3: new",)

    await until(is_changed)
    assert set((await world.stage.states(asked.job)).values()) == {State.HELD}
    pressed = await world.says(DAN, f"approve {asked.job} --plan {old}")
    assert pressed.kind is ReplyKind.CONFLICT
    for person in (BEA, CEM):
        assert (await world.says(person, f"approve {asked.job}")).ok
    await world.stage.told(asked.job)
    assert world.started + len(third.started) == 3


async def test_two_asks_for_one_target_name_each_other(world: World) -> None:
    """Both stay, and both posts say so."""
    asked = [await world.says(ANN, "ship shop prod") for _ in range(2)]
    first, second = (one.job for one in asked)

    async def are_beside() -> bool:
        holds = [(await world.job(job)).hold for job in (first, second)]
        return [hold.beside for hold in holds if hold] == [(second[:6],), (first[:6],)]

    await until(are_beside)
    await until(lambda: second[:6] in str(world.shown(first)))


async def test_what_waits_keeps_nothing_else_waiting(world: World) -> None:
    """Another one for the same target starts before it, and what only looks at once."""
    first = (await world.says(ANN, "ship shop prod")).job
    second = (await world.says(ANN, "ship shop prod")).job
    hail = await world.says(ANN, "hail prod")
    await until(lambda: world.started == 2)
    await world.stage.told(hail.job)
    for person in (BEA, CEM):
        await world.says(person, f"approve {second}")
    await world.stage.told(second)
    assert set((await world.stage.states(first)).values()) == {State.HELD}
    assert world.started == 4


async def test_a_server_that_is_gone_is_asked_about_anew(world: World) -> None:
    """Somebody had it forgotten between ask and start: its run ends, and the rest needs new
    votes."""
    job = (await world.says(ANN, "ship shop prod")).job
    world.bot.servers.forget("web-2", world.clock.at)
    await world.says(BEA, f"approve {job}")
    await world.says(CEM, f"approve {job}")

    async def is_changed() -> bool:
        hold = (await world.job(job)).hold
        return hold is not None and hold.changed == ("web-2: not there any more",)

    await until(is_changed)
    states = await world.stage.states(job)
    assert states == {"web-1": State.HELD, "web-2": State.CANCELLED}
    for person in (BEA, CEM):
        await world.says(person, f"approve {job}")
    await world.stage.told(job)
    assert [len(agent.started) for agent in world.agents] == [1, 0]


async def test_what_starts_later_has_the_number_of_the_lock_that_counts_then(world: World) -> None:
    """A lock that somebody takes while others vote holds it back; when it is over, the requests
    carry its number, so that an agent refuses them once a newer lock has come."""
    job = (await world.says(ANN, "ship shop prod")).job
    await world.says(DAN, "lock shop prod for 1h because migration")
    await world.says(BEA, f"approve {job}")
    await world.says(CEM, f"approve {job}")

    async def waits() -> bool:
        hold = (await world.job(job)).hold
        return hold is not None and "migration" in hold.waits

    await until(waits)
    assert world.started == 0
    await world.says(DAN, "unlock shop prod")
    world.clock.at += timedelta(seconds=LOOK_AGAIN)
    world.bot.job_changed(job)
    await until(lambda: world.started == 2)
    assert [agent.requests[0].fence for agent in world.agents] == [1, 1]


async def test_a_hundred_clicks_at_once_are_five_votes_and_one_start(stage: Stage) -> None:
    """20 clicks each of 5 people, at the same moment: each is answered."""
    world = World(stage, GateTable(approvals=5))
    await world.begin()
    people = [Person(id=f"U_{number}", name=f"p{number}") for number in range(5)]
    asked = await world.says(ANN, "ship shop prod")
    clicks = [world.says(person, f"approve {asked.job}") for person in people for _ in range(20)]
    random.Random(1).shuffle(clicks)
    replies = await asyncio.gather(*clicks)
    await stage.told(asked.job)
    votes = (await world.job(asked.job)).votes
    assert sorted(vote.person.id for vote in votes) == [person.id for person in people]
    assert [len(agent.started) for agent in world.agents] == [1, 1]
    counted = [reply.text for reply in replies if reply.text.startswith("Approved: ")]
    assert len(counted) == 5
    assert sum("starts now" in text for text in counted) == 1
    others = [reply.text for reply in replies if reply.text not in counted]
    assert all("already approved" in text or "and started at" in text for text in others)


async def test_confirming_is_the_askers_own(stage: Stage) -> None:
    """Somebody else may not, and the asker does with one word in the thread of the post."""
    world = World(stage, CONFIRM)
    await world.begin()
    asked = await world.says(ANN, "ship shop prod")
    assert "only ann, who asked" in (await world.says(BEA, f"confirm {asked.job}")).text
    assert "needs no approval" in (await world.says(BEA, f"approve {asked.job}")).text
    await until(lambda: world.shown(asked.job) is not None)
    reply = await world.says(ANN, f"confirm {asked.job}")
    assert "starts now" in reply.text
    await stage.told(asked.job)
    assert world.started == 2


async def test_what_has_not_changed_is_not_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job may wait for a week, and have a thousand runs; a vote is seen at once all the same."""
    asked = await world.says(ANN, "ship shop prod")
    ledger = world.stage.store.ledger
    await until(lambda: world.shown(asked.job) is not None)
    held: Any = world.bot.held_jobs
    await held.round()
    read: list[str] = []
    jobs = ledger.jobs

    async def counted(names: Sequence[str]) -> Any:
        read.extend(names)
        return await jobs(names)

    monkeypatch.setattr(held, "_ledger", SimpleNamespace(held=ledger.held, jobs=counted))
    for _ in range(3):
        await held.round()
    assert read == []
    await world.says(BEA, f"approve {asked.job}")
    await held.round()
    assert set(read) == {asked.job}
