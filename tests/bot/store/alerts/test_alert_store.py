"""What the engine of alerts has decided, in both databases."""

from __future__ import annotations

from dataclasses import replace

from alerts import (
    AlertContent,
    Changes,
    Engine,
    Episode,
    Labels,
    Matchers,
    Notification,
    Rows,
    Sample,
    Silence,
)
from alerts.changes import applied, dump, load
from alerts.checks.check_state import CheckRow
from alerts.checks.visibility import VisibilityRow
from alerts.explain import explain
from alerts.notify.groups import GroupMember, GroupRow
from alerts.notify.rate_limit import ChannelRow
from alerts.settings import parse_alerts
from bot.schedules.change import Change
from bot.schedules.parser import Timing
from bot.schedules.recurrence import Every, When
from bot.schedules.rules import Rules
from bot.schedules.schedule import Schedule
from bot.store import Store
from bot.store.alerts.alert_posts import Wait
from tests.bot.store.build import ANN, CHANNEL, T0, entry, later, ping

LEASE = ("desk", "bot")
WEB = Labels.of(alertname="silent", host="web-1", odd="\0 ü")
AT = T0.timestamp()


async def leads(store: Store) -> None:
    assert await store.leases.take(*LEASE, 1000.0, T0)


def changes() -> Changes:
    episode = Episode(WEB, 2, AT, text="no heartbeat")
    group = GroupRow("k", 3, "ops", members=(GroupMember(WEB.fingerprint, "k"),), posted=True)
    silence = Silence("51", Matchers.parse("env=prod"), AT, AT + 60, "U_ANN", "disk")
    return Changes(
        {WEB.fingerprint: CheckRow(WEB.fingerprint, WEB.pairs, gaps=(1.5, 2.0), due=AT + 45)},
        {(WEB.fingerprint, 2): episode},
        {"k": group},
        {"51": silence},
        {"ops": ChannelRow("ops", (AT,))},
        VisibilityRow(1, ("the bus",), AT),
    )


def post(key: str, text: str, parent: str = "", *, closing: bool = False) -> Notification:
    return Notification(key, "ops", AlertContent(text, "firing"), parent, closing=closing)


async def test_what_was_written_is_read_again(store: Store) -> None:
    """An engine goes on from the database as from memory; episodes that are over stay history."""
    await leads(store)
    first = changes()
    assert await store.alerts.write(first, LEASE, T0)
    assert await store.alerts.load() == applied(Rows(), [first])
    episode = first.episodes[WEB.fingerprint, 2]
    ended = Changes(episodes={(WEB.fingerprint, 2): episode.resolved(AT + 9)})
    assert await store.alerts.write(ended, LEASE, T0)
    assert (await store.alerts.load()).episodes == ()
    assert [one.ended for one in await store.alerts.history()] == [AT + 9]


async def test_only_who_leads_writes(store: Store) -> None:
    """Without the lease nothing of it is written, not even a part."""
    assert not await store.alerts.write(changes(), LEASE, T0)
    assert await store.alerts.load() == Rows()


async def test_a_post_is_told_as_it_was_read_or_stays_untold(store: Store) -> None:
    """What changed after it was read is still to be shown, with all that stands in its thread."""
    await leads(store)
    posts = {one.key: one for one in (post("a/1/history", "h", "a/1"), post("a/1", "one"))}
    assert await store.alerts.write(Changes(notifications=posts), LEASE, T0)
    (thread,) = await store.alerts.unreported()
    assert [one.key for one in thread.notifications] == ["a/1", "a/1/history"]
    assert thread.since == T0
    again = Changes(notifications={"a/1": post("a/1", "two", closing=True)})
    assert await store.alerts.write(again, LEASE, later(9))
    await store.alerts.mark_reported(thread.revisions)
    (thread,) = await store.alerts.unreported()
    assert [one.content.title for one in thread.notifications] == ["two", "h"]
    await store.alerts.mark_reported(thread.revisions)
    assert await store.alerts.unreported() == []


async def test_since_when_a_post_waits(store: Store) -> None:
    """It waits since the first change that was not told, and each change counts; what is wanted
    again as it was is none."""
    await leads(store)

    async def wants(text: str, seconds: float) -> None:
        changed = Changes(notifications={"a/1": post("a/1", text)})
        assert await store.alerts.write(changed, LEASE, later(seconds))

    for number, text in enumerate(("one", "one", "two")):
        await wants(text, number)
    (thread,) = await store.alerts.unreported()
    assert thread.waits == {"a/1": Wait(T0, 2)}
    await store.alerts.mark_reported(thread.revisions)
    await wants("two", 60)
    assert await store.alerts.unreported() == []
    for seconds in (70, 71, 72):
        await wants(f"at {seconds}", seconds)
    (thread,) = await store.alerts.unreported()
    assert thread.waits == {"a/1": Wait(later(70), 3)}


async def test_what_is_over_is_forgotten_after_its_time(store: Store) -> None:
    """Old episodes, silences and posts go; what still fires keeps its post."""
    await leads(store)
    made = changes()
    made.notifications = {"a/1": post("a/1", "one", closing=True)}
    assert await store.alerts.write(made, LEASE, T0)
    (thread,) = await store.alerts.unreported()
    await store.alerts.mark_reported(thread.revisions)
    await store.prune(later(3600))
    assert len((await store.alerts.load()).episodes) == 1
    assert (await store.alerts.load()).silences == ()
    other = {"a/1": post("a/1", "two")}
    assert await store.alerts.write(Changes(notifications=other), LEASE, later(7200))
    (thread,) = await store.alerts.unreported()
    assert thread.since == T0


async def test_what_began_years_ago_by_its_source_keeps_no_old_posts(store: Store) -> None:
    """A watchdog that always fires: posts of before we heard of it are pruned all the same."""
    await leads(store)
    ages = AT - 3 * 365 * 86400
    watchdog = Episode(WEB, 1, ages, opened=AT + 3000)
    made = Changes(
        episodes={(WEB.fingerprint, 1): watchdog},
        notifications={"alert/old/1": post("alert/old/1", "old", closing=True)},
    )
    assert await store.alerts.write(made, LEASE, T0)
    (thread,) = await store.alerts.unreported()
    await store.alerts.mark_reported(thread.revisions)
    await store.alerts.prune(later(2000))
    again = {"alert/old/1": post("alert/old/1", "new")}
    assert await store.alerts.write(Changes(notifications=again), LEASE, later(4000))
    (thread,) = await store.alerts.unreported()
    assert thread.since == later(4000)
    assert [one.started for one in (await store.alerts.load()).episodes] == [ages]


async def test_numbers_are_kept_as_long_as_anything_bears_them(store: Store) -> None:
    """Of what is watched no more, and of groups that are over, only the number is kept, so that no
    name is borne twice; once nothing is left of either, that goes too: names such as those of pods
    would fill the tables for ever."""
    await leads(store)
    old, new = Episode(WEB, 7, AT, ended=AT + 1), Episode(Labels.of(a="b"), 2, AT, ended=AT + 5000)
    made = Changes(
        {one.fingerprint: CheckRow(one.fingerprint, number=9, forgotten=True) for one in (old, new)}
        | {"open": CheckRow("open", source='"forgotten":true')},
        {(one.fingerprint, one.number): one for one in (old, new)},
        {
            **{key: GroupRow(key, 3, "ops", closed=True) for key in ("told", "untold")},
            "open": GroupRow("open", 1, "ops", labels=(("x", '"closed":true'),)),
        },
        notifications={"alert/told/3": post("alert/told/3", "one", closing=True)},
    )
    assert await store.alerts.write(made, LEASE, T0)
    await store.prune(later(3600))
    rows = await store.alerts.load()
    assert {row.fingerprint for row in rows.checks} == {"open", new.fingerprint}
    assert {row.key for row in rows.groups} == {"open", "told"}
    (thread,) = await store.alerts.unreported()
    await store.alerts.mark_reported(thread.revisions)
    await store.prune(later(7200))
    rows = await store.alerts.load()
    assert [row.fingerprint for row in rows.checks] == ["open"]
    assert [row.key for row in rows.groups] == ["open"]


async def test_the_last_results_and_since_when_it_is_awaited_are_kept(store: Store) -> None:
    """Whoever takes over, or is asked and does not lead, can say why; a row of an older version,
    which has neither, is read as one of which nothing is known."""
    await leads(store)
    engine = Engine(parse_alerts('channel = "ops"\n[[checkin]]\nname = "backup"\nevery = "1h"\n'))
    engine.reload(engine.settings, AT)
    for at in range(3):
        engine.observe(Sample(WEB, at > 0, AT + at, "status 502" if at else ""))
    assert await store.alerts.write(engine.tick(AT + 3), LEASE, T0)
    rows = {row.source: row for row in (await store.alerts.load()).checks}
    assert rows[""].recent == (
        (AT, False, ""),
        (AT + 1, True, "status 502"),
        (AT + 2, True, "status 502"),
    )
    assert (rows["checkin/backup"].awaited, rows["checkin/backup"].received) == (True, AT)
    assert "2.0 s ago: bad: status 502" in explain(
        Engine.restore(engine.settings, await store.alerts.load(), AT + 3), WEB.fingerprint, AT + 3
    )
    old = dump(rows[""])
    del old["recent"], old["awaited"]
    assert load(CheckRow, old) == replace(rows[""], recent=())


async def test_what_alerts_are_to_hear_is_written_with_a_firing_or_not_at_all(store: Store) -> None:
    """If somebody changed the schedule meanwhile, nothing is heard of what did not count."""
    timing = Timing(When(recurrence=Every(seconds=60)), Rules())
    made = Schedule("5c4", "k", "hail prod", timing, ANN, CHANNEL, T0)
    there = await store.schedules.add(made, entry(ping("web-1")))
    change = Change(there, operation={"kind": "seen"})
    assert await store.schedules.commit([change]) == [True]
    assert await store.schedules.commit([change]) == [False]
    assert [data for _, data in await store.alerts.operations()] == [{"kind": "seen"}]
