"""Asking once: a key belongs to one person, and makes one request whatever happens meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from baton.bus.messages import Person
from bot.dispatch.reply import ReplyKind
from bot.jobs import console_place
from bot.store import Store
from bot.store.errors import DatabaseUnavailable
from bot.web.console.access import Viewer
from bot.web.console.asking import Asking
from bot.web.console.errors import Conflict
from tests.bot.build import ANN
from tests.bot.counter import BEN, Counter
from tests.bot.world import away, no_groups
from tests.support.wait import until


def viewer(person: Person = ANN, directory: str = "slack") -> Viewer:
    return Viewer(person, no_groups, console_place(directory), "session")


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


@pytest.fixture
def asking(counter: Counter) -> Asking:
    return Asking(counter.dispatcher, counter.store.ledger)


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([(viewer(BEN), "k")], id="another person"),
        pytest.param([(viewer(ANN, "terminal"), "k")], id="the same id in another directory"),
        pytest.param(
            [(viewer(Person(id="a:b")), "c"), (viewer(Person(id="a")), "b:c")], id="marks within"
        ),
    ],
)
async def test_a_key_is_that_of_one_person(
    counter: Counter, asking: Asking, others: list[tuple[Viewer, str]]
) -> None:
    """Nobody gets, or takes away, what another asked by the same key."""
    everybody = [(viewer(), "k"), *others]
    replies = [await asking.ask(who, "ship shop prod", key) for who, key in everybody]
    assert len({reply.job for reply in replies}) == len(everybody)
    assert len(await counter.store.ledger.recent()) == len(everybody)


async def test_the_same_key_at_the_same_time(counter: Counter, asking: Asking) -> None:
    """One request, one reply; other words meanwhile are a conflict."""
    same = [asking.ask(viewer(), "ship shop prod", "k") for _ in range(5)]
    other = asking.ask(viewer(), "hail prod", "k")
    *replies, conflict = await asyncio.gather(*same, other, return_exceptions=True)
    assert len(set(map(id, replies))) == 1
    assert isinstance(conflict, Conflict)
    assert len(await counter.store.ledger.recent()) == 1


async def test_who_leaves_has_asked(counter: Counter, asking: Asking) -> None:
    """A page that is closed before the reply takes nothing back; the key finds what was started."""
    waits = asyncio.create_task(asking.ask(viewer(), "ship shop prod", "k"))
    await asyncio.sleep(0)
    waits.cancel()

    async def is_there() -> bool:
        return len(await counter.store.ledger.recent()) == 1

    await until(is_there)
    reply = await asking.ask(viewer(), "ship shop prod", "k")
    (job,) = await counter.store.ledger.recent()
    assert (reply.kind, reply.job) == (ReplyKind.STARTED, job.id)


async def test_long_words_are_known_again(counter: Counter, asking: Asking) -> None:
    """The audit log keeps the beginning of them."""
    words = f"schedule ship shop prod every day at 9am {' ' * 1200}"
    first = await asking.ask(viewer(), words, "k")
    assert first.ok, first.text
    assert (await asking.ask(viewer(), words, "k")).ok


async def test_without_the_database_nothing_is_asked_again(
    counter: Counter, asking: Asking
) -> None:
    """It cannot be known whether the key has started something."""
    with away(counter.store), pytest.raises(DatabaseUnavailable):
        await asking.ask(viewer(), "ship shop prod", "k")
    assert (await asking.ask(viewer(), "ship shop prod", "k")).kind is ReplyKind.STARTED


async def test_without_a_key_each_is_a_request(counter: Counter, asking: Asking) -> None:
    """Whoever gives none asks as often as they ask."""
    for _ in range(2):
        await asking.ask(viewer(), "ship shop prod")
    assert len(await counter.store.ledger.recent()) == 2
