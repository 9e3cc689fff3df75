"""A freeze that begins between the approval and the start: what is held waits, or passes the one
that was broken for it, and no other."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from baton.bus.messages import State
from bot.dispatch.gates.freezing.windows import Freeze
from bot.outbox.holding import LOOK_AGAIN
from tests.bot.build import ANN
from tests.bot.dispatch.gates.freezing.test_windows import weekly
from tests.bot.outbox.test_holding import BEA, CEM, PROD, World
from tests.bot.scheduler.office import People
from tests.bot.world import Stage
from tests.support.wait import until

DAY = timedelta(days=1)


def all_day(at: datetime, name: str) -> Freeze:
    """A freeze of the day of `at`, which leads may break."""
    return weekly(f"{at:%a}".lower(), 0, 24, zone="UTC", name=name)


@pytest.fixture
async def world(stage: Stage) -> World:
    made = World(stage, PROD)
    made.clock.at = made.clock.at.replace(hour=12)
    await made.begin()
    people = People()
    people.groups = {ANN.id: frozenset({"leads"})}
    made.bot.dispatching.people.add("slack", people)
    return made


def frozen(world: World, *names: str) -> None:
    """From now on these freezes are on, and no others."""
    freezes = world.bot.dispatching.freezes
    freezes.freezes = tuple(all_day(world.clock.at, name) for name in names)


async def approved(world: World, job: str) -> None:
    for person in (BEA, CEM):
        assert (await world.says(person, f"approve {job}")).ok


async def waits(world: World, job: str) -> str:
    """Why it does not start although people have agreed."""

    async def does() -> bool:
        hold = (await world.job(job)).hold
        return hold is not None and bool(hold.waits)

    await until(does)
    hold = (await world.job(job)).hold
    assert hold is not None
    assert set((await world.stage.states(job)).values()) == {State.HELD}
    assert world.started == 0
    return hold.waits


async def ends(world: World, job: str) -> None:
    """The freezes end, and the job is looked at again."""
    frozen(world)
    world.clock.at += timedelta(seconds=LOOK_AGAIN)
    world.bot.held_jobs.wake()
    await world.stage.told(job)
    assert world.started == 2


async def test_a_freeze_that_begins_holds_what_people_have_agreed_to(world: World) -> None:
    """Nobody is asked again: it starts by itself when the freeze ends, if its time is not over."""
    job = (await world.says(ANN, "ship shop prod")).job
    frozen(world, "noon")
    await approved(world, job)
    why = await waits(world, job)
    assert why.startswith("Frozen: shop in prod, by “noon”, until ")
    assert why.endswith("To pass it, one of @leads asks again, with --break-glass.")
    await ends(world, job)


async def test_what_was_broken_is_passed_at_the_start(world: World) -> None:
    """Also if one of two that were broken has ended meanwhile."""
    frozen(world, "noon", "audit")
    asked = await world.says(ANN, 'ship shop prod --break-glass "checkout is down"')
    assert asked.ok, asked.text
    frozen(world, "audit")
    await approved(world, asked.job)
    await world.stage.told(asked.job)
    assert world.started == 2


async def test_the_reason_is_for_the_freezes_that_were_named(world: World) -> None:
    """Another one begins before the start: nobody read that it would be broken, so it holds; as
    it does if a reason was given and no freeze was on."""
    frozen(world, "noon")
    first = (await world.says(ANN, 'ship shop prod --break-glass "checkout is down"')).job
    frozen(world, "noon", "audit")
    await approved(world, first)
    assert "by “audit”" in await waits(world, first)
    frozen(world)
    second = (await world.says(ANN, 'ship shop prod --break-glass "checkout is down"')).job
    await world.says(ANN, f"cancel {first}")
    frozen(world, "audit")
    await approved(world, second)
    assert "by “audit”" in await waits(world, second)
    (item,) = await world.stage.store.broken_freezes.open_items()
    assert (item.job, item.freeze) == (first, "“noon”")
    await ends(world, second)
