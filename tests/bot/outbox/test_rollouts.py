"""Jobs that go through their servers in waves: what begins when, what people say, and how it ends
otherwise. The servers are pretended, so that each test says how their runs end."""

from __future__ import annotations

from typing import Any

import pytest

from baton.bus.messages import State
from bot.dispatch.gates.tables import GateTable
from bot.dispatch.reply import Reply, ReplyKind
from tests.bot.build import ANN, OPS
from tests.bot.outbox.rolling_world import HOSTS, World
from tests.bot.outbox.test_holding import BEA, DAN, leads
from tests.bot.world import Stage
from tests.support.wait import until

QUARTERS = GateTable(environments=("prod",), canary=1, wave="25%")  # type: ignore[arg-type]


@pytest.fixture
async def world(stage: Stage) -> World:
    return World(stage)


async def test_one_canary_then_quarters_by_rule(world: World) -> None:
    """A wave begins when the one before has succeeded; the post says which it is."""
    await world.begin(QUARTERS)
    job = await world.rolls("ship shop prod", "web-1")
    post = await world.sees(job, lambda it: "Still to begin: 1, 1 and 1." in str(it.lines))
    assert [button.label for button in post.buttons] == ["Pause", "Slower", "Back", "Cancel"]
    for number, host in enumerate(HOSTS):
        await world.begun(*HOSTS[: number + 1])
        await world.ends(host)
    await world.stage.told(job)
    state = await world.over(job)
    assert (state.wave, state.question, state.stopped) == (4, None, "")
    assert all(len(agent.started) == 1 for agent in world.agents.values())
    assert await world.stage.store.ledger.held() == {}


async def test_the_words_of_an_ask_are_as_good_as_a_rule(world: World) -> None:
    """And may be stricter than it, never less strict."""
    await world.begin(QUARTERS)
    job = await world.rolls("ship shop prod --wave 50% --canary 2 --max-failed 3", "web-1")
    settings = (await world.rollout(job)).settings
    assert (settings.canary, str(settings.wave), settings.max_failed) == (2, "25 %", 3)


async def test_a_failed_canary_touches_nobody_else(world: World) -> None:
    """It asks, in the channel too, and goes on when somebody says so."""
    await world.begin(QUARTERS)
    job = await world.rolls("ship shop prod", "web-1")
    await world.ends("web-1", state=State.FAILED, text="exit code 1")
    await world.waits(job, "web-1 failed")
    post = await world.sees(job, lambda it: "Go on" in str(it.buttons))
    assert post.summary == "web-1 failed. Say `go on`, `back` or `cancel`."
    question = await world.sees(f"{job}?1", lambda it: True)
    assert question.text == "ship shop prod: web-1 failed. Say `go on`, `back` or `cancel`."
    assert world.started == {"web-1"}
    button = next(one for one in post.buttons if one.label == "Go on")
    old = button.value.partition(" --question ")[0] + " --question 0ddba11e"
    assert "It asks something else by now" in (await world.says(old, BEA)).text
    assert "It goes on: 3 to begin." in (await world.says(button.value, BEA)).text
    await world.begun("web-1", "web-2")
    assert (await world.says(f"rollout {job} go-on")).kind is ReplyKind.CONFLICT


async def test_people_pause_skip_and_slow_down(world: World) -> None:
    """What runs goes on, what has not begun does as they say; each word is answered."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --wave 3", "web-1")
    paused = await world.says(f"rollout {job} pause", BEA)
    assert paused.text.endswith("no other server begins until somebody says `go on`.")
    await world.ends("web-1")
    await world.waits(job, "paused by bea")
    assert (await world.says(f"rollout {job} pause")).text.endswith("paused already, by bea.")
    assert "is skipped" in (await world.says(f"rollout {job} skip --host web-3")).text
    assert "has begun" in (await world.says(f"rollout {job} skip --host web-1")).text
    assert "is not one of" in (await world.says(f"rollout {job} skip --host db-1")).text
    assert "Which server?" in (await world.says(f"rollout {job} skip")).text
    assert "smaller waves" in (await world.says(f"rollout {job} slower")).text
    assert "cannot be slower" in (await world.says(f"rollout {job} slower")).text
    assert world.started == {"web-1"}
    await world.says(f"rollout {job} go-on")
    await world.begun("web-1", "web-2")
    await world.ends("web-2")
    await world.begun("web-1", "web-2", "web-4")
    await world.ends("web-4")
    await world.stage.told(job)
    await world.over(job)
    assert (await world.stage.states(job))["web-3"] is State.CANCELLED
    post = world.shown(job)
    assert "Skipped: web-3." in post.lines
    late = await world.says(f"rollout {job} pause")
    assert "is over" in late.text


async def test_a_person_is_asked_after_the_first_wave(world: World) -> None:
    """In the thread, not in the whole channel: nothing is wrong."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --pause", "web-1")
    await world.ends("web-1")
    await world.waits(job, "Wave 1 is done: 1 of 1 succeeded. The next wave has 3.")
    await world.sees(f"{job}?1", lambda it: "Wave 1 is done" in it.text)
    (shown,) = [one for one in world.stage.front.shown if one.key == f"{job}?1"]
    assert not shown.broadcast
    await world.says(f"rollout {job} go-on")
    await world.begun(*HOSTS)


async def test_back_by_itself_takes_back_only_what_succeeded(world: World) -> None:
    """The newest wave first; the servers that did not begin stay as they are."""
    await world.begin()
    job = await world.rolls("ship shop prod --wave 1 --back", "web-1")
    await world.ends("web-1")
    await world.begun("web-1", "web-2")
    await world.ends("web-2")
    await world.begun("web-1", "web-2", "web-3")
    await world.ends("web-3", state=State.FAILED, text="exit code 1")
    state = await world.over(job)
    assert state.stopped == "web-3 failed."
    found = await world.stage.store.ledger.job(state.undone_by)
    assert found is not None
    undo, runs = found
    assert (undo.title, undo.asked_by, undo.place) == ("unship shop prod", ANN, OPS)
    assert [run.host for run in runs] == ["web-1", "web-2"]
    await until(lambda: world.agents["web-2"].requests[-1].command == "unship")
    assert world.agents["web-1"].requests[-1].command == "ship"
    await world.ends("web-2", state=State.FAILED, text="cannot")
    await until(lambda: world.agents["web-1"].requests[-1].command == "unship")
    await world.ends("web-1")
    await world.stage.told(undo.id)
    assert not world.agents["web-4"].started
    post = await world.sees(job, lambda it: "takes back" in str(it.lines))
    assert "Stopped: web-3 failed." in post.lines
    assert f"Job {undo.id[:6]} takes back what succeeded." in post.lines
    (entry,) = [one for one in await world.stage.store.audit.recent() if one.job == undo.id]
    assert entry.reason == f"takes back {job[:6]}: web-3 failed."


async def test_back_by_word(world: World) -> None:
    """What runs is left to its end first; what is held does not begin."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --wave 2", "web-1")
    await world.ends("web-1")
    await world.begun("web-1", "web-2", "web-3")
    reply = await world.says(f"rollout {job} back", BEA)
    assert "once the 2 that run have ended" in reply.text
    assert (await world.says(f"rollout {job} go-on")).text.endswith("stopped: bea said back.")
    await world.ends("web-2", "web-3")
    state = await world.over(job)
    assert (await world.stage.states(job))["web-4"] is State.CANCELLED
    assert set(await world.stage.states(state.undone_by)) == {"web-1", "web-2", "web-3"}


async def test_what_nobody_knows_is_asked(world: World) -> None:
    """A server that was interrupted says nothing of the version, so nothing goes back by itself."""
    await world.begin()
    job = await world.rolls("ship shop prod --wave 1 --back", "web-1")
    await world.ends("web-1", state=State.INTERRUPTED, text="its agent was killed")
    await world.waits(job, "web-1 is interrupted: nobody knows what was done there.")
    assert not (await world.rollout(job)).stopped


async def test_cancel_ends_it(world: World) -> None:
    """What runs is asked to stop, what is held never begins, and nobody looks after it any more."""
    await world.begin(QUARTERS)
    job = await world.rolls("ship shop prod", "web-1")
    assert "Asked 1 server to stop" in (await world.says(f"cancel {job}")).text
    await until(lambda: bool(world.agents["web-1"].cancels))
    await world.ends("web-1", state=State.CANCELLED, text="cancelled")
    await world.over(job)
    await world.stage.told(job)
    assert world.started == {"web-1"}
    assert "was cancelled by ann" in (await world.says(f"rollout {job} go-on")).text


async def test_a_wave_waits_for_a_freeze_and_a_lock(world: World) -> None:
    """The gates are asked before each wave: what runs goes on."""
    await world.begin(QUARTERS)
    job = await world.rolls("ship shop prod", "web-1")
    assert (await world.says("lock shop prod for 1h because migration", BEA)).ok
    await world.ends("web-1")
    await world.waits(job, "wave 2 waits: ")
    assert "bea" in (await world.hold(job)).waits
    assert world.started == {"web-1"}
    await world.says("unlock shop prod", BEA)
    await world.later(seconds=6)
    await world.begun("web-1", "web-2")


async def test_a_lock_in_the_moment_of_a_wave_is_seen(world: World) -> None:
    """Somebody takes it after the gates were asked, and before the wave is written: they are asked
    again."""
    await world.begin(QUARTERS)
    job = await world.rolls("ship shop prod", "web-1")
    rollouts: Any = world.bot.held_jobs._rollouts
    check = rollouts._check
    locked: list[Reply] = []

    async def check_then_lock(*args: Any) -> Any:
        clear = await check(*args)
        if not locked:
            locked.append(await world.says("lock shop prod for 1h because migration", BEA))
        return clear

    rollouts._check = check_then_lock
    await world.ends("web-1")
    await world.waits(job, "wave 2 waits: ")
    assert world.started == {"web-1"}
    await world.says("unlock shop prod", BEA)
    await world.later(seconds=6)
    await world.begun("web-1", "web-2")


async def test_waves_begin_after_the_approval(world: World) -> None:
    """A vote does not count any more once it has begun, and a denial does not end what runs."""
    rule = GateTable(approvals=1, of=("leads",), canary=1)
    await world.begin(rule)
    asked = await world.says("ship shop prod")
    await world.sees(asked.job, lambda it: "Rollout: waves of 1 and 3." in it.lines)
    await world.says(f"approve {asked.job}", BEA, leads)
    await world.begun("web-1")
    late = await world.says(f"deny {asked.job} because no", DAN, leads)
    assert "was approved by bea and started at" in late.text
    await world.ends("web-1")
    await world.begun(*HOSTS)


async def test_it_does_not_stand_still_for_ever(world: World) -> None:
    """Nobody answers for a day: it warns, then what has not begun ends, and says why."""
    await world.begin()
    job = await world.rolls("ship shop prod --canary 1 --pause", "web-1")
    await world.ends("web-1")
    await world.waits(job, "Wave 1 is done")
    await world.later(hours=18, seconds=5)
    await world.sees(f"{job}?", lambda it: "ship shop prod stands still." in it.text)
    await world.later(hours=6)
    await world.over(job)
    found = await world.stage.store.ledger.job(job)
    assert found is not None
    texts = {run.text for run in found[1] if run.state is State.EXPIRED}
    assert len(texts) == 1
    assert texts.pop().startswith("its wave did not begin within 1 d: Wave 1 is done")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "ship shop prod --canary x",
            "--canary: invalid value “x”: it must be a number of servers",
        ),
        ("ship shop prod --wave 0%", "--wave: invalid value “0%”: it must be a number of servers"),
        ("ship shop prod --healthy-for soon", "it must be a time, such as 2m"),
        ("ship shop prod --pause=often", "it must be first or each"),
        ("ship shop prod --back=maybe", "it must be alone, without a value"),
        ("hail prod --canary 1", "canary"),
    ],
)
async def test_what_cannot_be_is_told(world: World, words: str, says: str) -> None:
    """The word, what is wrong with it and what it must be; nothing starts."""
    await world.begin()
    reply = await world.says(words)
    assert reply.kind is ReplyKind.UNUSABLE
    assert says in reply.text
    assert await world.stage.store.ledger.recent() == []


async def test_why_lists_the_waves(world: World) -> None:
    """Before anything starts."""
    await world.begin(QUARTERS)
    reply = await world.says("ship shop prod --pause --max-failed 1 --why")
    assert reply.answer is not None
    text = str(reply.answer)
    assert "waves of 1, 1, 1 and 1; it asks after the first; at most 1 may fail" in text
