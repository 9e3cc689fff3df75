"""A freeze that somebody breaks is loud, and stays open until somebody else has looked at it."""

from __future__ import annotations

import pytest

from bot.dispatch.reply import Reply, ReplyKind
from bot.jobs import Place, console_place, short_id
from bot.schedules.posts import ChannelNotice
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import BEN, GUEST, table
from tests.bot.dispatch.gates.freezing.test_windows import weekly
from tests.bot.scheduler.office import Office
from tests.bot.world import no_groups

WORDS = 'ship shop prod --break-glass "checkout is down"'


async def leads() -> frozenset[str]:
    return frozenset({"leads"})


@pytest.fixture
def office(store: Store) -> Office:
    """On a Tuesday at 07:00 UTC, in a freeze of an hour."""
    made = Office(store)
    store.locks._clock = store.schedules._clock
    made.freezes.freezes = (weekly("tue", 7, 8),)
    return made


async def as_lead(office: Office, words: str, key: str = "k1") -> Reply:
    return await office.dispatcher.ask(words, asker=ANN, groups=leads, place=OPS, key=key)


async def loud(store: Store) -> list[str]:
    posts = await store.schedules.posts([*await store.schedules.unreported_posts()])
    return [post.text for post in posts if isinstance(post, ChannelNotice)]


async def test_it_starts_and_is_said_aloud(office: Office) -> None:
    """Who may, with a reason: the job starts, the channel reads who, what, why, and what is to be
    done about it. The same request twice is said once."""
    assert (await as_lead(office, "ship shop prod", "k0")).kind is ReplyKind.REFUSED
    reply = await as_lead(office, WORDS)
    assert reply.ok, reply.text
    await as_lead(office, WORDS)
    (item,) = await office.store.broken_freezes.open_items()
    assert (item.job, item.reason, item.freeze) == (
        reply.job,
        "checkout is down",
        "“no Friday afternoons”",
    )
    (said,) = await loud(office.store)
    assert said.startswith("BREAK-GLASS: ann broke the freeze “no Friday afternoons” with")
    assert said.endswith(f"/reviewed {short_id(item.id)}")
    assert await office.store.broken_freezes.of_job(reply.job) == item


@pytest.mark.parametrize(
    ("asked", "audit", "heard"),
    [
        (OPS, None, ["C_OPS"]),
        (OPS, Place("slack", "#audit"), ["#audit", "C_OPS"]),
        (OPS, Place("slack", "#ops"), ["C_OPS"]),
        (OPS, Place("slack", "C_OPS"), ["C_OPS"]),
        (console_place("slack"), Place("slack", "#audit"), ["#audit"]),
        (console_place("slack"), None, []),
    ],
)
async def test_each_channel_hears_it_once(
    office: Office, asked: Place, audit: Place | None, heard: list[str]
) -> None:
    """Where it was asked, if that has posts, and that of [audit]; a channel has an id and a
    name."""
    office.audit_channel = audit
    office.restarts()
    reply = await office.dispatcher.ask(WORDS, asker=ANN, groups=leads, place=asked, key="k1")
    assert reply.ok, reply.text
    posts = await office.store.schedules.posts([*await office.store.schedules.unreported_posts()])
    assert sorted(post.place.channel for post in posts) == heard
    assert len(await office.store.broken_freezes.open_items()) == 1


async def test_who_may_not_break_it_does_not(office: Office) -> None:
    """A reason alone opens nothing, and nothing is recorded of it but the audit entry."""
    reply = await office.ask(WORDS)
    assert reply.kind is ReplyKind.REFUSED
    assert "Only @leads may break it" in reply.text
    assert await office.store.broken_freezes.open_items() == []


async def test_to_ask_why_breaks_nothing(office: Office) -> None:
    """With the reason --why says that the gate would be open."""
    rows = table(await as_lead(office, f"{WORDS} --why"))[1]
    said = "ann breaks the freeze “no Friday afternoons”: checkout is down"
    assert ("freeze", "open", said) in rows
    assert await office.store.broken_freezes.open_items() == []


async def test_without_a_freeze_there_is_no_item(office: Office) -> None:
    """The reason is then a reason for nothing."""
    office.freezes.freezes = ()
    assert (await as_lead(office, WORDS)).ok
    assert await office.store.broken_freezes.open_items() == []


@pytest.mark.parametrize("words", ["--break-glass", '--break-glass ""', "--break-glass --why"])
async def test_a_reason_is_needed(office: Office, words: str) -> None:
    """And it must be one."""
    assert (await as_lead(office, f"ship shop prod {words}")).kind is ReplyKind.UNUSABLE


async def test_somebody_else_reviews_it_once(office: Office) -> None:
    """Not the one who broke it, nor who may not ask for the same; /freezes lists it until then."""
    await as_lead(office, WORDS)
    (item,) = await office.store.broken_freezes.open_items()
    review = f"reviewed {item.id}"
    own = await office.ask(review)
    assert (own.kind, "somebody else" in own.text) == (ReplyKind.REFUSED, True)
    guest = await office.ask(review, GUEST)
    assert guest.kind is ReplyKind.REFUSED
    summary, rows = table(await office.ask("freezes", BEN))
    assert summary == "Freezes: 1; 1 broken, to be reviewed"
    assert rows[0][:2] == (
        "“no Friday afternoons”",
        "on until Tue 24 Nov 2026 08:00 (Europe/London)",
    )
    assert rows[1][3] == f"to review: /reviewed {short_id(item.id)}"
    assert (await office.ask(review, BEN)).ok
    assert (await office.ask(review, BEN)).kind is ReplyKind.CONFLICT
    assert await office.store.broken_freezes.open_items() == []


async def test_a_retry_breaks_it_too(office: Office) -> None:
    """Every command that starts a job has the words."""
    reply = await as_lead(office, WORDS)
    await office.store.ledger.cancel(reply.job, ANN, office.clock())
    again = await as_lead(office, f'retry {reply.job} --break-glass "still down"', "k2")
    assert again.ok, again.text
    assert len(await office.store.broken_freezes.open_items()) == 2
    assert await no_groups() == frozenset()
