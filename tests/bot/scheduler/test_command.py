"""`/schedule`, as people use it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from baton.bus.messages import Person
from bot.dispatch.plan import Plan, Times
from bot.dispatch.policy import EnvironmentTable, Policy
from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import Place
from bot.scheduler.command import ScheduleCommand
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.scheduler.office import T0, Make, Office
from tests.bot.world import no_groups

BEN = Person(id="U_BEN", name="ben")
SHUT = Policy(environments={"prod": EnvironmentTable(protected=True)})


async def test_the_next_times_are_shown_and_nothing_is_asked(office: Make) -> None:
    """What was understood and the next three times, on the clocks of the one who asked."""
    it = office()
    reply = await it.ask("schedule hail prod weekdays at 9am")
    assert reply.ok
    schedule = (await it.store.schedules.in_channel("slack"))[0]
    assert reply.text == (
        f"Schedule {schedule.short}: hail prod, weekdays at 09:00 Europe/Kyiv.\n"
        "Next: Wed 2026-11-25 09:00, Thu 2026-11-26 09:00, Fri 2026-11-27 09:00 (Europe/Kyiv)"
    )
    it.people.zone = ""
    reply = await it.ask("schedule hail prod at 09:00")
    assert "Your time zone is not known, so these times are UTC" in reply.text


async def test_options_of_the_command_stay_with_it(office: Make) -> None:
    """What stands before the time is the command's, what stands after it the schedule's."""
    it = office()
    schedule = await it.scheduled("ship shop prod --ref v2 weekdays at 9am --overlap=allow quiet")
    assert schedule.words == "ship shop prod --ref v2"
    assert schedule.timing.rules.quiet


async def test_of_two_readings_the_one_that_makes_sense(office: Make) -> None:
    """An environment may be called as a day is: then the time begins after it."""
    it = office()
    reply = await it.ask("schedule hail weekdays at 09:00")
    assert "Unknown environment “weekdays”" in reply.text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "Write the command first, then when"),
        (
            "lst",
            "Missing schedule time, such as “every 5m”, after the command. Did you mean list?",
        ),
        ("hail prod", "Missing schedule time"),
        ("every 5m hail prod", "Write the command first, then when"),
        ("hail prod every 5", "5 has no unit: write 5m or 5h."),
        ("hail prod at 9", "is ambiguous: write 09:00 or 9pm"),
        ("hial prod every 5m", "Unknown command “hial”. Did you mean hail?"),
        ("hail every 5m", "ENVIRONMENT is missing."),
        ("hail prdo every 5m", "Did you mean prod?"),
        ("servers every 5m", "the bot itself answers it"),
        ("schedule hail prod every 5m", "the bot itself answers it"),
        ("pause", "Which schedule? /schedule pause ID"),
        ("show 0000", "No schedule, or more than one, matches “0000”"),
        ("resume ../x", "No schedule, or more than one, matches “../x”"),
    ],
)
async def test_what_is_wrong_saves_nothing(office: Make, words: str, problem: str) -> None:
    """One message that says what was wrong; nothing is kept but the ask."""
    it = office()
    reply = await it.ask(f"schedule {words}")
    assert not reply.ok
    assert problem in reply.text
    assert await it.store.schedules.in_channel("slack") == []
    assert (await it.store.audit.recent(1))[0].verdict == "unusable"


async def test_the_same_ask_twice_is_one_schedule(office: Make) -> None:
    """What a front end delivers twice is kept once."""
    it = office()
    for _ in range(2):
        reply = await it.dispatcher.ask(
            "schedule hail prod every 5m", asker=BEN, groups=_none, place=OPS, key="same"
        )
        assert reply.ok
    assert len(await it.store.schedules.in_channel("slack")) == 1


async def test_pause_with_a_reason_and_resume(office: Make) -> None:
    """While it is paused nothing is fired nor counted as missed; it goes on where it is then."""
    it = office()
    schedule = await it.scheduled("hail prod every 1m")
    assert (await it.ask(f"schedule pause {schedule.short} because the disk is full")).ok
    await it.passes(600, 60)
    assert await it.history(schedule) == []
    shown = await it.ask(f"schedule show {schedule.short}")
    assert "Status: paused (ann: the disk is full)" in shown.text
    again = await it.ask(f"schedule pause {schedule.short}")
    assert "is already paused" in again.text
    reply = await it.ask(f"schedule resume {schedule.short}")
    assert reply.text.startswith("Resumed: hail prod, every 1m")
    await it.passes(60)
    (firing,) = await it.history(schedule)
    assert firing.nominal == T0 + timedelta(minutes=11)


async def test_run_now(office: Make) -> None:
    """It is run at once by who says so, beside its times; not over a run that has not ended."""
    it = office()
    schedule = await it.scheduled("hail prod every 1h")
    reply = await it.ask(f"schedule run {schedule.short}", asker=BEN)
    found = await it.store.ledger.job(reply.job)
    assert found is not None
    assert found[0].asked_by == BEN
    assert not (await it.ask(f"schedule run {schedule.short}")).ok
    await it.answer_all()
    await it.passes(3600, 3600)
    by_hand, timed = await it.history(schedule)
    assert (by_hand.by, timed.nominal) == ("ben", T0 + timedelta(hours=1))
    told = await it.ask(f"schedule history {schedule.short}")
    assert told.answer is not None
    assert [row[3] for row in told.answer.rows] == ["", "run by ben"]


@pytest.mark.parametrize("overlap", ["", " overlap allow"])
async def test_one_message_runs_it_once(office: Make, overlap: str) -> None:
    """However often the front end delivers it, to whichever bot, at the same time or when the run
    has ended long since: each is told of the same job."""
    one = office()
    schedule = await one.scheduled(f"hail prod every 1h{overlap}")
    other = Office(one.store, clock=one.clock)

    async def run(it: Office, key: str = "same") -> str:
        reply = await it.dispatcher.ask(
            f"schedule run {schedule.short}", asker=BEN, groups=_none, place=OPS, key=key
        )
        assert reply.ok, reply.text
        return reply.job

    jobs = set(await asyncio.gather(*(run(it) for it in (one, other, one, other))))
    assert len(jobs) == 1
    await one.answer_all()
    await one.passes(5)
    jobs |= {await run(one), await run(other)}
    assert len(jobs) == 1
    assert [firing.by for firing in await one.history(schedule)] == ["ben"]
    assert await run(other, "another message") not in jobs


async def test_a_message_that_runs_it_at_this_moment_is_not_in_its_own_way(
    office: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other bot begins it while this one looks whether it runs: it is told of the same job."""
    one = office()
    schedule = await one.scheduled("hail prod every 1h")
    other = Office(one.store, clock=one.clock)
    look, jobs = one.store.schedules.running, set[str]()

    async def run(it: Office) -> None:
        reply = await it.dispatcher.ask(
            f"schedule run {schedule.short}", asker=BEN, groups=_none, place=OPS, key="same"
        )
        assert reply.ok, reply.text
        jobs.add(reply.job)

    async def begun_meanwhile(id: str) -> str:
        monkeypatch.setattr(one.store.schedules, "running", look)
        await run(other)
        return await look(id)

    monkeypatch.setattr(one.store.schedules, "running", begun_meanwhile)
    await run(one)
    assert len(jobs) == 1


async def test_remove(office: Make) -> None:
    """It is gone from the list and fires no more; whoever looks by its id is told so."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s")
    assert (await it.ask(f"schedule remove {schedule.short}")).text.startswith("Removed: hail prod")
    await it.passes(30)
    assert await it.history(schedule) == []
    assert "Nothing is scheduled here" in (await it.ask("schedule list")).text
    assert not (await it.ask(f"schedule show {schedule.short}")).ok


async def test_lists(office: Make) -> None:
    """Of this channel, of another one, of all."""
    it = office()
    await it.scheduled("hail prod every 1h")
    other = Place("slack", "C_DEV", name="dev")
    await it.ask("schedule ship shop prod at 09:00", place=other)

    async def listed(words: str) -> list[str]:
        answer = (await it.ask(f"schedule list {words}")).answer
        return [] if answer is None else [row[1].partition(",")[0] for row in answer.rows]

    assert await listed("") == ["hail prod"]
    assert await listed("#dev") == ["ship shop prod"]
    assert await listed("all") == ["hail prod", "ship shop prod"]
    assert await listed("#nowhere") == []


async def test_who_may_not_ask_for_it_may_not_change_it(office: Make) -> None:
    """Its owner may, and who may ask for what it asks; others are told which rule is missing."""
    it = office()
    schedule = await it.scheduled("hail prod every 1h")
    it.authorizer.policy = SHUT
    for word in ("pause", "remove", "run"):
        reply = await it.ask(f"schedule {word} {schedule.short}", asker=BEN)
        assert not reply.ok
        assert "Required rule: " in reply.text
    assert (await it.now(schedule)).status == "active"
    assert (await it.ask(f"schedule pause {schedule.short}")).ok


async def test_what_was_asked_in_a_thread_is_shown_in_the_channel(office: Make) -> None:
    """A schedule outlives the thread that it was made in."""
    it = office()
    await it.ask("schedule hail prod every 10s", place=replace(OPS, thread="1.5"))
    assert (await it.store.schedules.in_channel("slack"))[0].place == OPS


def test_its_words_are_read_back() -> None:
    """What it is called is what asks for it, options of what it wraps included."""
    words = ["ship", "shop", "prod", "--ref", "v2", "mon,thu", "at", "09:00", "--quiet"]
    command = ScheduleCommand.from_words(words)
    assert command.words == tuple(words)
    assert command.title() == "schedule " + " ".join(words)
    assert ScheduleCommand.from_words(" ".join(words)) == command


async def test_a_time_that_is_not_read_is_answered_with_one_that_is(office: Make) -> None:
    """Also where the words before the time look like a server."""
    it = office()
    for words in ("hail prod first monday at 9am", "hail prod every hour 9am-5pm"):
        reply = await it.ask(f"schedule {words}")
        assert not reply.ok
        assert "Write the time as: cron" in reply.text


async def _none() -> frozenset[str]:
    return frozenset()


async def test_what_may_not_be_read_is_not_shown(office: Make) -> None:
    """Of a protected environment, and of a private channel: left out of the list and counted, and
    refused by its id; its owner reads it."""
    it = office()
    secret = replace(OPS, channel="C_SECRET", name="privategroup")
    schedule = await it.scheduled("hail prod every 1h")
    await it.ask("schedule hail staging every 1h", place=secret)
    await it.ask("schedule ship shop prod every 1h", asker=BEN)
    it.authorizer.policy = SHUT
    reply = await it.ask("schedule list all", asker=BEN)
    assert reply.answer is not None
    assert [row[1].partition(",")[0] for row in reply.answer.rows] == ["ship shop prod"]
    assert "left out: you are not allowed to read" in reply.answer.summary
    for word in ("show", "history"):
        refused = await it.ask(f"schedule {word} {schedule.short}", asker=BEN)
        assert refused.text.startswith("Not allowed: /schedule in prod. prod is protected")
        assert (await it.ask(f"schedule {word} {schedule.short}")).ok


async def test_a_plan_names_the_servers_of_a_new_schedule(store: Store) -> None:
    """What it would reach if its time were now; nothing is scheduled. What is done with a schedule
    reaches no server."""
    office = Office(store)

    async def planned(text: str) -> Plan | Reply:
        return await office.dispatcher.plan(text, asker=ANN, groups=no_groups, place=OPS)

    found = await planned("schedule hail prod every day at 9am")
    assert isinstance(found, Plan), found
    assert (bool(found.hosts), found.environment, found.allowed) == (True, "prod", True)
    assert found.text == "/schedule hail prod every day at 9am"
    assert found.times is not None
    assert [(at.hour, at.minute) for at in found.times.next] == [(7, 0)] * 3
    assert (found.times.zone, found.times.assumed) == ("Europe/Kyiv", False)
    once = await planned("schedule hail prod on 2126-01-05 at 07:00 Europe/Kyiv")
    assert isinstance(once, Plan)
    assert once.times == Times((datetime(2126, 1, 5, 5, 0, tzinfo=UTC),), "Europe/Kyiv", False)
    acted = await planned("schedule list")
    assert isinstance(acted, Plan)
    assert (acted.hosts, acted.allowed, acted.times) == ((), None, None)
    for text in ("schedule hail prod every blue moon", "schedule hail prod cron 0 0 30 2 *"):
        wrong = await planned(text)
        assert isinstance(wrong, Reply)
        assert wrong.kind is ReplyKind.UNUSABLE
    assert await store.schedules.in_channel(OPS.front) == []
