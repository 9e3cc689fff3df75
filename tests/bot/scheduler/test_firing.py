"""What becomes of each time of a schedule: run once, skipped, queued, missed, refused; and seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from baton.bus.messages import State
from baton.extensions import Commands
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.schedules.decisions import outcome_of
from bot.schedules.posts import ChannelNotice, ScheduleDay
from bot.schedules.schedule import ResultHandling
from tests.bot.build import ANN, OPS, run
from tests.bot.dispatch.gates.freezing.test_windows import weekly
from tests.bot.scheduler.office import T0, Make, Office

ONLY_GROUP = Policy(
    [Rule(who=("S_OPS",), environments=("prod",))], {"prod": EnvironmentTable(protected=True)}
)


async def days(office: Office) -> list[str]:
    """What is counted in the posts of days that are in the database."""
    found = await office.store.schedules.posts([*dict.fromkeys(office.woken)])
    return [post.counts for post in found if isinstance(post, ScheduleDay)]


async def notices(office: Office) -> list[str]:
    """The notices that are in the database."""
    found = await office.store.schedules.posts([*dict.fromkeys(office.woken)])
    return [post.text for post in found if isinstance(post, ChannelNotice)]


async def test_each_time_is_one_job(office: Make) -> None:
    """A firing is a job of the owner's, in the channel, under the post of the day; it is kept."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s")
    await it.passes(35)
    history = await it.history(schedule)
    assert [firing.nominal for firing in history] == [
        T0 + timedelta(seconds=n) for n in (10, 20, 30)
    ]
    assert [firing.outcome for firing in history] == ["succeeded"] * 3
    jobs = await it.store.ledger.recent(100)
    assert sorted(job.id for job in jobs) == sorted(firing.job for firing in history)
    assert {job.asked_by.id for job in jobs} == {"U_ANN"}
    assert len({job.under for job in jobs}) == 1
    assert [entry.verdict for entry in await it.store.audit.recent(4)] == ["allowed"] * 4
    assert await days(it) == ["3 succeeded"]
    assert [seen.good for seen in it.seen] == [True] * 3


async def test_a_run_that_has_not_ended_is_not_run_over(office: Make) -> None:
    """By default what comes while it runs is skipped, and the history says which run was in the
    way."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s")
    await it.passes(31, answers=False)
    first, *rest = await it.history(schedule)
    assert [firing.verdict for firing in rest] == ["skipped", "skipped"]
    assert first.job in rest[0].reason
    await it.answer(first)
    await it.passes(10)
    assert [firing.verdict for firing in await it.history(schedule)][3:] == ["started"]


async def test_one_waits_where_that_is_wanted(office: Make) -> None:
    """`overlap queue`: one time waits for the run before it, the others are skipped."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s overlap queue one")
    await it.passes(31, answers=False)
    verdicts = [firing.verdict for firing in await it.history(schedule)]
    assert verdicts == ["started", "queued", "skipped"]
    await it.answer((await it.history(schedule))[0])
    await it.scheduler.round()
    verdicts = [firing.verdict for firing in await it.history(schedule)]
    assert verdicts == ["started", "started", "skipped"]


async def test_runs_may_go_on_side_by_side(office: Make) -> None:
    """`overlap allow`."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s overlap allow")
    await it.passes(31, answers=False)
    assert [firing.verdict for firing in await it.history(schedule)] == ["started"] * 3


async def test_what_was_missed_is_run_once(office: Make) -> None:
    """After a time without a bot the last time is made up, the others are recorded as missed."""
    it = office()
    schedule = await it.scheduled("hail prod every 1m")
    await it.passes(305, 305)
    missed, run = await it.history(schedule)
    assert (missed.verdict, missed.count, missed.nominal) == (
        "missed",
        4,
        T0 + timedelta(minutes=1),
    )
    assert missed.until == T0 + timedelta(minutes=4)
    assert "no bot was running" in missed.reason
    assert (run.verdict, run.nominal) == ("started", T0 + timedelta(minutes=5))


async def test_what_is_too_late_is_not_run(office: Make) -> None:
    """Past the catch-up window it is recorded as missed, and watchers are told."""
    it = office()
    schedule = await it.scheduled("hail prod at 10:00 catch-up 5m")
    await it.passes(3600 + 301, 3600 + 301)
    (missed,) = await it.history(schedule)
    assert (missed.verdict, missed.count) == ("missed", 1)
    assert await it.store.ledger.recent() == []
    assert [(seen.good, seen.text.startswith("missed")) for seen in it.seen] == [(False, True)]
    assert (await it.now(schedule)).nominal == T0 + timedelta(days=1, hours=1)


async def test_years_of_absence_cost_little(office: Make) -> None:
    """However many times were missed they are one row, and the grid is kept."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s")
    it.clock.now = T0 + timedelta(days=400, seconds=3)
    await it.scheduler.round()
    missed, run = await it.history(schedule)
    assert missed.count > 500
    assert "more than" in missed.reason
    assert run.nominal == T0 + timedelta(days=400)


async def test_permission_is_asked_at_each_firing(office: Make) -> None:
    """Who could when it was saved and cannot now is refused, by name of the rule; once they can
    again it goes on."""
    it = office(ONLY_GROUP)
    it.people.groups["U_ANN"] = frozenset({"S_OPS"})
    reply = await it.dispatcher.ask(
        "schedule hail prod every 10s",
        asker=ANN,
        groups=lambda: it.people.groups_of("U_ANN"),
        place=OPS,
        key="k",
    )
    assert reply.ok, reply.text
    (schedule,) = await it.store.schedules.in_channel("slack")
    await it.passes(10)
    it.people.groups.clear()
    await it.passes(20)
    it.people.groups["U_ANN"] = frozenset({"S_OPS"})
    await it.passes(10)
    history = await it.history(schedule)
    assert [firing.verdict for firing in history] == ["started", "refused", "refused", "started"]
    assert "Not allowed: /hail in prod." in history[1].reason
    assert [seen.good for seen in it.seen] == [True, False, False, True]
    (said,) = await notices(it)
    assert "Not allowed: /hail" in said


async def test_a_freeze_skips_it_and_says_so_once(office: Make) -> None:
    """It is no failure, so it does not pause; the words are those of a refusal; and it is not run
    after the freeze, but at its next time."""
    it = office()
    schedule = await it.scheduled("ship shop prod every 10m pause-after 2")
    it.freezes.freezes = (weekly("tue", 7, 8),)
    await it.passes(3600, every=60)
    refused = await it.ask("ship shop prod")  # at 08:00 sharp it has ended
    assert refused.ok, refused.text
    history = await it.history(schedule)
    assert [firing.verdict for firing in history] == ["skipped"] * 5 + ["started"]
    assert history[0].reason.startswith(
        "Frozen: shop in prod, by “no Friday afternoons”, until Tue"
    )
    (notice,) = await notices(it)
    assert notice.endswith(f": skipped: {history[0].reason}")
    assert (await it.now(schedule)).status == "active"


async def test_who_may_not_ask_saves_nothing(office: Make) -> None:
    """The refusal is the one that the command itself would get."""
    it = office(ONLY_GROUP)
    reply = await it.ask("schedule hail prod every 10s")
    assert not reply.ok
    assert "Required rule: " in reply.text
    assert await it.store.schedules.in_channel("slack") == []


async def test_who_has_left_has_nothing_run(office: Make) -> None:
    """All that they scheduled is paused when the first of it is due, and the channel is told
    once."""
    it = office()
    first = await it.scheduled("hail prod every 10s")
    second = await it.scheduled("ship shop prod at 09:30")
    it.people.gone.add("U_ANN")
    await it.passes(30)
    assert [(await it.now(one)).status for one in (first, second)] == ["paused", "paused"]
    assert await it.store.ledger.recent() == []
    (firing,) = await it.history(first)
    assert (firing.verdict, firing.reason) == ("refused", "ann is no longer in the chat")
    (said,) = await notices(it)
    assert first.short in said
    assert second.short in said


async def test_failures_in_a_row_pause_it(office: Make) -> None:
    """`pause-after 2`: the second failure pauses it, and says so; a success in between counts
    anew."""
    it = office()
    schedule = await it.scheduled("hail prod every 2m pause-after 2")
    good = (False, True, False, False)
    for answered in good:
        await it.passes(120, 120, answers=False)
        if answered:
            await it.answer((await it.history(schedule))[-1])
        else:
            await it.store.ledger.close_overdue(it.clock() + timedelta(seconds=110), T0)
        await it.scheduler.round()
    now = await it.now(schedule)
    assert (now.status, now.due) == ("paused", None)
    assert "2 runs in a row" in now.note
    assert [seen.good for seen in it.seen] == list(good)
    assert any("is paused: 2 runs in a row" in said for said in await notices(it))


async def test_what_never_left_the_bot_is_missed_and_says_nothing_of_the_servers(
    office: Make,
) -> None:
    """The bus was away: the firing counts as missed, pauses nothing, and nobody watches over it."""
    it = office()
    schedule = await it.scheduled("hail prod every 2m pause-after 1")
    await it.passes(120, 120, answers=False, sends=False)
    reason = "not sent: RabbitMQ was unreachable for 20 s"
    rows = await it.store.ledger.outbox()
    expired = {row.id: reason for row in rows}
    await it.store.ledger.settle(expired=expired, at=it.clock())
    await it.scheduler.round()
    now = await it.now(schedule)
    assert (now.status, now.failures, now.outcome) == ("active", 0, reason)
    assert dict(now.tally) == {"missed": 1}
    assert it.seen == []
    assert await notices(it) == []


async def test_what_others_tell_is_not_told_by_a_notice(office: Make) -> None:
    """What they are to know is written in the same transaction; that a schedule is paused is said
    all the same, for somebody must resume it."""
    it = office()
    it.on_result = lambda seen: ResultHandling({"seen": [one.text for one in seen]}, handled=True)
    schedule = await it.scheduled("hail prod every 2m pause-after 2")
    for failures in (1, 2):
        await it.passes(120, 120, answers=False)
        await it.store.ledger.close_overdue(it.clock() + timedelta(seconds=110), T0)
        await it.scheduler.round()
        kept = [data for _, data in await it.store.alerts.operations()]
        assert kept == [{"seen": ["not done on web-1 (expired), web-2 (expired)"]}] * failures
        assert len(await notices(it)) == failures - 1
    assert (await it.now(schedule)).status == "paused"


async def test_what_cannot_be_asked_is_said_once(office: Make) -> None:
    """A command that no longer fits is recorded each time, and said when it is new."""
    it = office()
    schedule = await it.scheduled("ship shop prod every 10s")
    it.restarts(Commands([each for name, each in it.dispatcher.commands.items() if name != "ship"]))
    await it.passes(30)
    assert [firing.verdict for firing in await it.history(schedule)] == ["failed"] * 3
    (said,) = await notices(it)
    assert "Unknown command “ship”" in said


async def test_quiet_shows_what_changes(office: Make) -> None:
    """Results are shown when they differ from the last; the others are never seen."""
    it = office()
    schedule = await it.scheduled("hail prod every 2m quiet")
    for answered in (True, True, False, False, True):
        await it.passes(120, 120, answers=False)
        if answered:
            await it.answer((await it.history(schedule))[-1])
        else:
            await it.store.ledger.close_overdue(it.clock() + timedelta(seconds=110), T0)
        await it.scheduler.round()
    jobs = [
        found[0]
        for firing in await it.history(schedule)
        if (found := await it.store.ledger.job(firing.job)) is not None
    ]
    assert [job.hidden for job in jobs] == [False, True, False, True, False]
    assert set(await it.store.ledger.unreported()) >= {job.id for job in jobs if not job.hidden}
    assert all(job.reported for job in jobs if job.hidden)


@pytest.mark.slow
async def test_it_ends(office: Make) -> None:
    """After so many times, after a date, or after its one moment there is nothing more."""
    it = office()
    twice = await it.scheduled("hail prod every 10s 2 times")
    once = await it.scheduled("hail prod in 20s")
    dated = await it.scheduled("hail prod every 15s until 2026-11-24 at 09:00:40")
    await it.passes(120)
    for schedule, times in ((twice, 2), (once, 1), (dated, 2)):
        assert (await it.now(schedule)).status == "ended"
        assert len(await it.history(schedule)) == times
    assert await it.store.schedules.next_due() is None


@pytest.mark.slow
async def test_jitter_moves_a_firing_and_not_its_name(office: Make) -> None:
    """It is run later by a part of the jitter that does not change, under its own time."""
    it = office()
    schedule = await it.scheduled("hail prod every 1m jitter 50s")
    await it.passes(600, 2)
    history = await it.history(schedule)
    assert [firing.nominal for firing in history[:3]] == [
        T0 + timedelta(minutes=n) for n in (1, 2, 3)
    ]
    late = [(firing.at - firing.nominal).total_seconds() for firing in history]
    assert all(0 <= each <= 52 for each in late)
    assert len({round(each) for each in late}) > 3


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_place(state: State) -> None:
    """Only success is good."""
    sent = run(state=state, sent=T0)
    came_to, text = outcome_of([sent, run("web-2", State.SUCCEEDED)])
    good = state is State.SUCCEEDED
    assert came_to == ("succeeded" if good else "unsuccessful")
    assert ("web-1" in text) != good


async def test_who_became_a_guest_asks_as_a_guest(office: Make) -> None:
    """`*` means members at each firing; what Slack says now counts, and is kept for when it does
    not say."""
    it = office()
    schedule = await it.scheduled("hail prod every 10s")
    await it.passes(10)
    it.people.standing = "guest"
    await it.passes(10)
    history = await it.history(schedule)
    assert [firing.verdict for firing in history] == ["started", "refused"]
    assert "no rule in baton.toml names your user ID (U_ANN)" in history[1].reason
    assert (await it.now(schedule)).owner.standing == "guest"
