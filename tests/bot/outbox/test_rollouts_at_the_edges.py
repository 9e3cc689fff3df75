"""Jobs in waves where something is not as it should be: a server that says nothing, a bot that does
not see, a wave that takes days, an undo that meets what is lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import pytest

from baton.bus.messages import State
from baton.bus.plans import SurveyFacts
from baton.consumer import Extension
from baton.extensions import Commands
from bot.app.dispatching import commands_of
from bot.jobs import Job
from tests.bot.outbox.test_rollouts import HOSTS, Hail, Unship, World
from tests.bot.outbox.test_rollouts import Ship as Shipping
from tests.bot.world import Stage
from tests.support.wait import until


class Ship(Shipping):
    """Put an app on servers, which say before what would change."""

    surveys: ClassVar[bool] = True


SURVEYING = commands_of(Commands([Extension(Ship), Extension(Unship), Extension(Hail)]))


@pytest.fixture
async def world(stage: Stage) -> World:
    return World(stage)


async def test_a_server_that_says_nothing_lets_no_wave_begin_early(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused before the first wave. That it is in no wave does not mean that the waves
    before it have begun: the canary is still alone."""
    await world.begin(commands=SURVEYING)

    async def survey(job: Job, hosts: Collection[str]) -> Mapping[str, SurveyFacts | None]:
        return {host: SurveyFacts() if host != "web-4" else None for host in hosts}

    monkeypatch.setattr(world.bot.held_jobs, "_survey", survey)
    job = await world.rolls("ship shop prod --canary 1 --max-failed 1", "web-1")
    await until(lambda: world.shown(job) is not None)
    assert (await world.stage.states(job))["web-4"] is State.REFUSED
    await world.later(seconds=1)
    await world.looked(job)
    await world.begun("web-1")
    assert (await world.stage.states(job))["web-2"] is State.HELD
    await world.ends("web-1")
    await world.begun(*HOSTS[:3])


async def test_a_server_that_falls_silent_is_asked_about_once(world: World) -> None:
    """However long it is silent, and though others follow it: the question is edited, and the
    channel is not told again and again."""
    await world.begin()
    job = await world.rolls("ship shop prod --wave 2", *HOSTS[:2])
    await world.later(seconds=1)
    for host in HOSTS[:2]:
        await world.ends(host)
    await world.begun(*HOSTS)
    for gone in (("web-1",), ("web-1", "web-2")):
        for _ in range(3):
            await world.later(seconds=100, silent=gone)
            await world.looked(job)
            await world.waits(job, f"{gone[-1]} sends no heartbeat")
    state = await world.rollout(job)
    assert state.question is not None
    assert (state.asked, state.question.hosts) == (1, {"web-1", "web-2"})
