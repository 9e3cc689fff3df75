"""Jobs in waves where something is not as it should be: a server that says nothing, a bot that does
not see, a wave that takes days, an undo that meets what is lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import pytest

from baton.bus.channel import Link
from baton.bus.messages import State
from baton.bus.plans import SurveyFacts
from baton.consumer import Extension
from baton.extensions import Commands
from bot.app.dispatching import commands_of
from bot.dispatch.reply import ReplyKind
from bot.jobs import Job
from tests.bot.build import Hail
from tests.bot.outbox.rolling_world import HOSTS, World
from tests.bot.outbox.test_holding import BEA
from tests.bot.rolling import Ship as Shipping
from tests.bot.rolling import Unship
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
    assert state.asked == 1
    assert state.question.hosts == frozenset(HOSTS[:2])


async def test_what_is_not_for_people_may_take_days(world: World) -> None:
    """A wave that must be healthy for a day, and then a lock for two, end no rollout: the day after
    which it ends by itself is for people who are asked."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --healthy-for 24h", "web-1")
    await world.later(minutes=5)
    await world.ends("web-1")
    await world.waits(job, "wave 1 must be healthy for 1 d")
    assert (await world.says("lock shop prod for 3d because migration", BEA)).ok
    for _ in range(9):
        await world.later(hours=7)
        await world.looked(job)
        assert (await world.stage.states(job))["web-2"] is State.HELD
    assert (await world.hold(job)).waits.startswith("wave 2 waits: ")
    assert (await world.hold(job)).warning == ""
    await world.says("unlock shop prod", BEA)
    await world.later(seconds=6)
    await world.begun(*HOSTS)


async def test_what_was_lost_while_it_goes_back_keeps_no_other_on_the_bad_version(
    world: World,
) -> None:
    """It is not asked about: the next one is taken back."""
    await world.begin()
    job = await world.rolls("ship shop prod --wave 1 --back", "web-1")
    await world.ends("web-1")
    await world.begun(*HOSTS[:2])
    await world.ends("web-2")
    await world.begun(*HOSTS[:3])
    await world.ends("web-3", state=State.FAILED)
    await world.over(job)
    await until(lambda: world.agents["web-2"].requests[-1].command == "unship")
    await world.ends("web-2", state=State.INTERRUPTED, text="its agent was killed")
    await until(lambda: world.agents["web-1"].requests[-1].command == "unship")


async def test_a_bot_that_dies_after_it_has_begun_to_go_back_does_not_ask_twice(
    world: World,
) -> None:
    """The next one finds the same job, though another version is live on the servers by then."""
    await world.begin()
    job = await world.rolls("ship shop prod --wave 1", "web-1")
    await world.ends("web-1")
    await world.begun(*HOSTS[:2])
    await world.says(f"rollout {job} back")
    await world.ends("web-2", state=State.FAILED)
    state = await world.over(job)
    undo = world.bot.held_jobs._rollouts._undo

    def gone(*_: object) -> list[str]:
        return []

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bot.dispatch.gates.undoing._still", gone)
        again = await undo(await world.job(job), ["web-1"], "bad")
    assert again.id == state.undone_by


async def test_a_retry_goes_in_the_same_waves(world: World) -> None:
    """Who asked for a canary, and saw it fail, gets a canary again; other words count instead."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1", "web-1")
    await world.ends("web-1", state=State.FAILED)
    await world.says(f"cancel {job}")
    await world.over(job)
    again = await world.says(f"retry {job}")
    assert again.kind is ReplyKind.STARTED, again.text
    settings = (await world.rollout(again.job)).settings
    assert settings.canary == 1
    other = await world.says(f"retry {job} --wave 2")
    settings = (await world.rollout(other.job)).settings
    assert (settings.canary, str(settings.wave)) == (0, "2")


async def test_a_bot_that_sees_nothing_opens_no_wave(world: World) -> None:
    """Its requests would expire, and a server that nobody reached would count as a failure."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --wave 1", "web-1")
    world.bot.servers.link_changed(Link.DOWN)
    await world.ends("web-1")
    await world.waits(job, "wave 2 waits: this bot has had no link to RabbitMQ since ")
    assert (await world.stage.states(job))["web-2"] is State.HELD


async def test_nobody_is_asked_when_nothing_is_left_to_say(world: World) -> None:
    """Of a job that failed wherever it was: nothing is left to go on with, or to take back."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --host web-1", "web-1")
    await world.ends("web-1", state=State.FAILED)
    assert (await world.over(job)).asked == 0


async def test_only_words_are_offered_that_are_taken(world: World) -> None:
    """Not `cancel` of what has ended, nor `back` of what nothing takes back."""
    await world.begin()
    job = await world.rolls("unship shop prod --wave 3", *HOSTS[:3])
    await world.ends("web-1", state=State.FAILED)
    await world.waits(job, "web-1 failed. Say `go on` or `cancel`.")
    await world.says(f"rollout {job} go-on")
    await world.ends("web-2", "web-3")
    await world.begun(*HOSTS)
    await world.ends("web-4", state=State.FAILED)
    await world.waits(job, "web-4 failed. Say `go on`.")


async def test_a_retry_says_what_cannot_be(world: World) -> None:
    """Which command it runs again is known only then: its words are not left out in silence."""
    await world.begin()
    job = await world.rolls("unship shop prod --host web-1", "web-1")
    await world.ends("web-1", state=State.FAILED)
    await world.stage.told(job)
    reply = await world.says(f"retry {job} --back")
    assert reply.text == "/unship cannot be taken back. Leave out --back. Nothing was done."


async def test_an_undo_that_fails_to_say_how_is_none(world: World) -> None:
    """An extension whose own code fails is still asked for, and what it did ends: nobody tries for
    ever to take it back."""
    await world.begin()
    job = await world.rolls("ship shop prod --wave 1 --back", "web-1")
    await world.ends("web-1")
    await world.begun(*HOSTS[:2])

    def fails(_: object) -> str:
        raise RuntimeError("a bug")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Shipping, "undo", fails)
        await world.ends("web-2", state=State.FAILED)
        await world.over(job)
        assert (await world.hold(job)).waits == "It cannot be taken back: nothing takes back /ship."
        await world.sees(f"{job}?", lambda it: "It cannot be taken back" in it.text)
        assert (await world.says("ship shop prod")).kind is ReplyKind.STARTED
