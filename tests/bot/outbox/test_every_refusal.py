"""One answer to “why can't I”: whatever refuses says the same sentence to whoever asks, in the list
of `--why`, of a schedule that skips, and of a wave that waits."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import bot
from baton.bus.messages import State
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.policy import Policy, Rule
from bot.dispatch.reply import ReplyKind
from tests.bot.counter import table
from tests.bot.dispatch.gates.freezing.test_windows import weekly
from tests.bot.outbox.rolling_world import World
from tests.bot.outbox.test_holding import BEA
from tests.bot.world import Stage

GATES = Path(bot.__file__).parent / "dispatch" / "gates"
CANARY = GateTable(environments=("prod",), canary=1)
WEEK = "mon tue wed thu fri sat sun"


async def freeze(world: World) -> None:
    world.bot.dispatching.freezes.freezes = (weekly(WEEK, 0, 24),)


async def lock(world: World) -> None:
    assert (await world.says("lock shop prod for 6h because migration", BEA)).ok


async def permission(world: World) -> None:
    world.bot.dispatching.authorizer.policy = Policy([Rule(who=("U_BEA",))])


Cause = Callable[[World], Awaitable[None]]
CAUSES: dict[str, Cause] = {"freeze": freeze, "lock": lock, "permission": permission}
"""By the gate that refuses then."""


def test_every_gate_that_refuses_is_here() -> None:
    """Whoever makes a gate refuse adds what makes it do so. The gatekeeper refuses in the words of
    the policy: what it cannot decide, and what nobody may look at."""
    makes = {
        file.stem
        for file in GATES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused"
    }
    assert makes == {*CAUSES, "gatekeeper"}


@pytest.mark.parametrize("gate", sorted(CAUSES))
async def test_the_words_are_the_same_everywhere(
    stage: Stage, gate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schedule was made and a rollout has begun when it comes."""
    world = World(stage)

    async def time_now() -> datetime:
        return world.clock()

    monkeypatch.setattr(stage.store.schedules, "now", time_now)
    await world.begin(CANARY, freezes=FreezesInForce())
    assert (await world.says("schedule ship shop prod every 10m")).ok
    job = await world.rolls("ship shop prod", "web-1")
    await CAUSES[gate](world)
    refused = await world.says("ship shop prod")
    assert refused.kind is ReplyKind.REFUSED
    _, rows = table(await world.says("ship shop prod --why"))
    assert {row[0]: row[1:] for row in rows}[gate] == ("closed", refused.text)

    async def skipped() -> str:
        (schedule,) = await stage.store.schedules.in_channel("slack")
        found = await stage.store.schedules.history(schedule.id, 10)
        return found[0].reason if found else ""

    await world.at(world.clock.at + timedelta(minutes=11))
    await world.bot.scheduler.round()
    assert refused.text in await skipped()
    await world.ends("web-1")
    final = gate == "permission"
    # why is the same; what to do is not always, for what has begun
    await world.waits(job, refused.text.partition(". ")[0])
    assert world.started == {"web-1"}
    states = await stage.states(job)
    assert states["web-2"] is (State.REFUSED if final else State.HELD)
    assert (await world.rollout(job)).over is final
