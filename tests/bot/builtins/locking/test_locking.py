"""/lock, /unlock and /locks, and what a lock does to the asks of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from baton.bus.messages import Person, Request, new_id
from baton.errors import UsageError
from bot.builtins.locking.words import parse_lock
from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import AuditEntry, Job, NewJob
from bot.locks import Lock, Scope
from bot.schedules.change import Change
from bot.schedules.posts import ChannelNotice
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, ONLY_ANN, Counter, table
from tests.bot.scheduler.office import T0, Office
from tests.bot.world import no_groups

KYIV = ZoneInfo("Europe/Kyiv")
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)  # 11:00 in Kyiv


@pytest.mark.parametrize(
    ("text", "until", "seconds"),
    [
        ("shop prod until 14:00", datetime(2026, 11, 27, 12, tzinfo=UTC), None),
        ("shop prod until 10:00", datetime(2026, 11, 28, 8, tzinfo=UTC), None),
        ("shop prod until 2026-12-01 at 08:30", datetime(2026, 12, 1, 6, 30, tzinfo=UTC), None),
        ("shop prod for 2 hours", None, 7200.0),
        ("for 90m shop prod", None, 5400.0),
    ],
)
def test_an_end_is_in_the_zone_of_who_says_it(
    text: str, until: datetime | None, seconds: float | None
) -> None:
    """A time of the day is the next one; a length counts from when the lock begins."""
    found = parse_lock([*text.split(), "because", "a migration"], NOW, KYIV)
    assert (found.until, found.seconds, found.reason) == (until, seconds, "a migration")
    assert found.scope == Scope("prod", "shop")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b c",
        "shop prod for 8d",
        "shop prod for 3s",
        "shop prod for",
        "shop prod for long",
        "shop prod until",
        "shop prod until noon",
        "shop prod until 2026-11-26 10:00",
        "shop prod until 2027-11-26 10:00",
        "shop prod for 1h until 14:00",
        "shop prod --host",
        "shop prod --force",
        "sh*p prod",
        "shop prod because",
    ],
)
def test_what_cannot_be_meant_is_an_error(text: str) -> None:
    """A lock without a clear end or scope is worse than none."""
    with pytest.raises(UsageError):
        parse_lock(text.split(), NOW, KYIV)


@pytest.fixture
def office(store: Store) -> Office:
    made = Office(store)
    store.locks._clock = store.schedules._clock
    return made


async def ask(office: Office, text: str, asker: Person = ANN) -> Reply:
    return await office.ask(text, asker=asker)


async def notices(store: Store) -> list[str]:
    posts = await store.schedules.posts([*await store.schedules.unreported_posts()])
    return [post.text for post in posts if isinstance(post, ChannelNotice)]


async def fence(store: Store) -> int | None:
    message = (await store.ledger.outbox())[-1].message
    assert isinstance(message, Request)
    return message.fence


async def test_a_lock_keeps_others_out_and_says_why(office: Office) -> None:
    """The refusal names owner, end, reason and how to wait; --why says the same; the owner goes
    on, with the number of the lock in the request."""
    reply = await ask(office, "lock shop prod for 2h because migration")
    assert reply.text == (
        "You have the lock of shop in prod until Tue 24 Nov 09:00 UTC. To end it: /unlock shop prod"
    )
    refused = await ask(office, "ship shop prod", BEN)
    assert refused.kind is ReplyKind.REFUSED
    assert refused.text == (
        "Locked: shop in prod, by ann, until Tue 24 Nov 09:00 UTC: “migration”. To wait for it: "
        "/lock shop prod for 1h because …. Or ask ann."
    )
    rows = table(await ask(office, "ship shop prod --why", BEN))[1]
    assert ("lock", "closed", refused.text) in rows
    assert (await ask(office, "ship shop prod")).ok
    assert await fence(office.store) == 1


async def test_who_waits_gets_it_and_is_told(office: Office) -> None:
    """The place in the queue is told at once; the lock comes by itself when the first one ends."""
    await ask(office, "lock shop prod for 1h because migration")
    reply = await ask(office, "lock prod for 30m because new kernel", BEN)
    assert reply.text.startswith("You wait for the lock of prod, as number 1. Before you: ann")
    assert "You are number 1 of 1" in (await ask(office, "ship shop prod", BEN)).text
    office.clock.goes(3600)
    assert (await ask(office, "ship shop prod", BEN)).ok
    assert await fence(office.store) == 2
    assert "Locked: prod, by ben" in (await ask(office, "ship shop prod")).text
    told = await notices(office.store)
    assert any(text.startswith("ben: it is your turn.") for text in told)
    assert any(text.startswith("ann: your lock of shop in prod has ended") for text in told)


async def test_a_stolen_lock_is_told_and_its_number_is_old(office: Office) -> None:
    """It keeps the end if nobody says another one; there is nothing to steal from nobody."""
    await ask(office, "lock shop prod for 1h because migration")
    reply = await ask(office, "lock shop prod --steal because checkout is down", BEN)
    assert reply.text.startswith("You have the lock of shop in prod until Tue 24 Nov 08:00 UTC.")
    (told,) = await notices(office.store)
    assert told.startswith(
        "ann: ben has taken your lock of shop in prod (“migration”): checkout is"
    )
    assert (await ask(office, "ship shop prod")).kind is ReplyKind.REFUSED
    assert (await ask(office, "ship shop prod", BEN)).ok
    assert await fence(office.store) == 2
    again = await ask(office, "lock shop prod --steal because again", BEN)
    assert again.kind is ReplyKind.CONFLICT


async def test_a_lock_is_extended_given_and_ended(office: Office) -> None:
    """By its owner alone."""
    await ask(office, "jobs", BEN)
    await ask(office, "lock shop prod for 1h because migration")
    longer = await ask(office, "lock shop prod for 3h because it takes longer")
    assert longer.text.startswith("Your lock of shop in prod ends at Tue 24 Nov 10:00 UTC now.")
    assert (await ask(office, "unlock shop prod", BEN)).kind is ReplyKind.CONFLICT
    assert (
        "To take it: /lock shop prod --steal" in (await ask(office, "unlock shop prod", BEN)).text
    )
    assert (await ask(office, "lock shop prod --give @ben", BEN)).kind is ReplyKind.CONFLICT
    given = await ask(office, "lock shop prod --give @ben")
    assert given.text == "ben has the lock of shop in prod now, until Tue 24 Nov 10:00 UTC."
    assert table(await ask(office, "locks"))[1] == [
        ("shop prod", "ben", "Tue 24 Nov 10:00 UTC", "it takes longer", "")
    ]
    assert (await ask(office, "unlock shop prod", BEN)).text == "Unlocked: shop in prod."
    assert table(await ask(office, "locks")) == ("Nothing is locked", [])


async def test_a_lock_of_nothing_is_an_error(office: Office) -> None:
    """Its owner would believe in it. So are one without an end, and one without a reason."""
    for words in (
        "shop prodd for 1h because x",
        "shopp prod for 1h because x",
        "shop prod --host web-7 for 1h because x",
        "shop prod because x",
        "shop prod for 1h",
    ):
        assert (await ask(office, f"lock {words}")).kind is ReplyKind.UNUSABLE, words
    assert (await office.store.locks.in_force()).locks == ()


async def test_a_server_alone_can_be_locked(office: Office) -> None:
    """Asks for other servers go on; one for all of them does not."""
    await ask(office, "lock prod --host web-1 for 1h because new disk")
    assert (await ask(office, "ship shop prod --host web-2", BEN)).ok
    assert "on web-1, by ann" in (await ask(office, "ship shop prod", BEN)).text


async def test_a_schedule_skips_at_a_lock_of_somebody_else(office: Office) -> None:
    """And fires again after it: a lock is no failure of the schedule."""
    schedule = await office.scheduled("ship shop prod every 10m overlap allow")
    await ask(office, "lock shop prod for 15m because migration", BEN)
    await office.passes(1900, every=60)
    history = await office.history(schedule)
    assert [firing.verdict for firing in history] == ["skipped", "started", "started"]
    assert history[0].reason.startswith("Locked: shop in prod, by ben")


async def test_its_owner_is_reminded_at_half_time(office: Office) -> None:
    """Once, by the round of the leader, which says when it is due next."""
    await ask(office, "lock shop prod for 1h because migration")
    assert await office.store.locks.round() == 1800.0
    office.clock.goes(1800)
    assert await office.store.locks.round() == 1800.0
    assert await office.store.locks.round() == 1800.0
    (told,) = await notices(office.store)
    assert told.startswith("ann: half the time of your lock of shop in prod is over")
    assert office.clock.now > T0


async def test_who_may_not_change_servers_may_not_lock_them(store: Store) -> None:
    """A lock keeps others from working: it needs a rule, as a change does."""
    counter = Counter(store, ONLY_ANN)
    reply = await counter.dispatcher.ask(
        "lock prod for 1h because mine", asker=BEN, groups=no_groups, place=OPS, key="1"
    )
    assert reply.kind is ReplyKind.REFUSED
    assert 'commands = ["lock"]' in reply.text


class Between:
    """Somebody takes a lock between what the gates said and the write of the job, `times` times."""

    def __init__(self, office: Office, scope: Scope, owner: Person, times: int = 1) -> None:
        self._office = office
        self._scope = scope
        self._owner = owner
        self.times = times
        self._commits = office.store.schedules.commit
        self._starts = office.store.ledger.start_job

    async def _lock(self) -> None:
        if self.times:
            self.times -= 1
            now, key = self._office.clock.now, new_id()
            until = now + timedelta(hours=1)
            await self._office.store.locks.ask(
                Lock(key, key, self._scope, self._owner, OPS, "migration", now, until)
            )

    async def start_job(self, new: NewJob, entry: AuditEntry) -> Job:
        await self._lock()
        return await self._starts(new, entry)

    async def commit(self, changes: Sequence[Change]) -> list[bool]:
        if any(change.jobs for change in changes):
            await self._lock()
        return await self._commits(changes)


@pytest.fixture
def between(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Between]:
    def made(scope: Scope, owner: Person = BEN, times: int = 1) -> Between:
        it = Between(office, scope, owner, times)
        monkeypatch.setattr(office.store.ledger, "start_job", it.start_job)
        monkeypatch.setattr(office.store.schedules, "commit", it.commit)
        return it

    return made


async def test_a_lock_that_is_taken_between_the_gates_and_the_start_is_seen(
    office: Office, between: Callable[..., Between]
) -> None:
    """The ledger looks at the number again, and the gates are asked once more: the refusal is that
    of the lock, nothing starts, and the audit log says what became of it."""
    taken = between(Scope("prod", "shop"))
    reply = await ask(office, "ship shop prod")
    assert (reply.kind, taken.times) == (ReplyKind.REFUSED, 0)
    assert reply.text.startswith("Locked: shop in prod, by ben")
    assert await office.store.ledger.outbox() == []
    assert await office.store.ledger.recent() == []
    (entry,) = await office.store.audit.recent()
    assert (entry.verdict, entry.reason) == ("refused", reply.text)


@pytest.mark.parametrize(
    ("scope", "owner"), [(Scope("prod", "blog"), BEN), (Scope("prod", "shop"), ANN)]
)
async def test_one_that_does_not_stop_it_gives_its_number(
    office: Office, between: Callable[..., Between], scope: Scope, owner: Person
) -> None:
    """One of another app, or their own: it starts once, under the newest number."""
    between(scope, owner)
    reply = await ask(office, "ship shop prod")
    assert reply.ok, reply.text
    assert await fence(office.store) == 1
    assert len(await office.store.ledger.recent()) == 1


async def test_what_is_run_again_is_looked_at_again(
    office: Office, between: Callable[..., Between]
) -> None:
    """Every way to a job goes by the ledger's look: /retry too, and the same request twice is the
    job that there is, whatever was locked since."""
    first = await ask(office, "ship shop prod")
    await office.store.ledger.cancel(first.job, ANN, office.clock.now)
    between(Scope("prod", "shop"))
    again = await ask(office, f"retry {first.job}")
    assert again.text.startswith("Locked: shop in prod, by ben")
    assert len(await office.store.ledger.recent()) == 1


async def test_a_schedule_fires_not_into_a_lock_that_was_just_taken(
    office: Office, between: Callable[..., Between]
) -> None:
    """It stays due, and its next look skips."""
    schedule = await office.scheduled("ship shop prod every 10m overlap allow")
    taken = between(Scope("prod", "shop"))
    await office.passes(700, every=60)
    (firing,) = await office.history(schedule)
    assert (firing.verdict, taken.times) == ("skipped", 0)
    assert firing.reason.startswith("Locked: shop in prod, by ben")
    assert await office.store.ledger.outbox() == []
