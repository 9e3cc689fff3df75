"""Every entry of the audit log becomes a link of one chain, whichever bot wrote it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, text, update

from bot.audit.verifier import Verifier
from bot.jobs import Place
from bot.store import Store, StoreError
from bot.store.audit.audit_chain import BATCH_SIZE, AuditChain
from bot.store.tables.job_tables import audit, audit_head
from tests.bot.store.build import T0, asked, deploy, entry


async def verified(store: Store) -> list[str]:
    """What is wrong with the chain."""
    verifier = Verifier({})
    found: list[str] = []
    async for link in store.audit_chain.links():
        found += verifier.read(f"entry {link.number}", dict(link.exported()))
    return [*found, *verifier.end()]


async def test_entries_of_two_bots_are_one_chain(store: Store, other: Store) -> None:
    """Sealed by both at once: each entry once, and none is left."""
    for _ in range(3):
        await asyncio.gather(*(asked(each, deploy("web-1")) for each in (store, other) * 4))
        await asyncio.gather(*(each.audit_chain.seal(5) for each in (store, other) * 3))
    while await store.audit_chain.seal():
        pass
    assert (await store.audit_chain.head()).number == 24
    assert await verified(other) == []
    assert len({link.entry.job async for link in store.audit_chain.links()}) == 24


async def test_more_entries_than_a_batch(store: Store) -> None:
    """As in a database of before, whose entries have no links: they are sealed bit by bit."""
    for _ in range(BATCH_SIZE + 3):
        await store.audit.add(entry(deploy("web-1")))
    assert [await store.audit_chain.seal() for _ in range(3)] == [BATCH_SIZE, 3, 0]
    assert await verified(store) == []


async def test_what_is_changed_in_the_database_is_found(store: Store) -> None:
    """An entry that is changed, removed, exchanged, or said to be another."""
    for _ in range(6):
        await asked(store, deploy("web-1"))
    await store.audit_chain.seal()
    write = store._database.write
    second = audit.c.link == 2
    await write(lambda it: it.execute(update(audit).where(second).values(person_id="U_EVE")))
    await write(lambda it: it.execute(delete(audit).where(audit.c.link == 4)))
    assert await verified(store) == [
        "entry 2 was changed: its hash does not belong to what it says",
        "entry 4 is missing",
    ]


async def test_a_chain_whose_head_was_removed_goes_on(store: Store) -> None:
    """No bot stops for it, and who reads the head writes nothing."""
    await asked(store, deploy("web-1"))
    await store.audit_chain.seal()
    head = await store.audit_chain.head()
    await store._database.write(lambda it: it.execute(delete(audit_head)))
    assert await store.audit_chain.head() == head
    await asked(store, deploy("web-1"))
    assert await store.audit_chain.seal() == 1
    assert (await store.audit_chain.head()).number == 2
    assert await verified(store) == []


async def test_the_head_is_posted_once_a_day(store: Store) -> None:
    """With the number and the hash that a verifier takes; nothing while there is no entry."""
    ops = Place("slack", "#ops")
    await store.audit_chain.show_head(ops, T0)
    assert await store.schedules.unreported_posts() == {}
    await asked(store, deploy("web-1"))
    await store.audit_chain.seal()
    head = await store.audit_chain.head()
    for hours in (0, 1, 2):
        await store.audit_chain.show_head(ops, T0 + timedelta(hours=hours))
        await asked(store, deploy("web-1"))
        await store.audit_chain.seal()
    await store.audit_chain.show_head(ops, T0 + timedelta(days=1))
    names = sorted(await store.schedules.unreported_posts())
    assert names == ["audit-2026-03-01", "audit-2026-03-02"]
    first, second = sorted(await store.schedules.posts(names), key=lambda post: post.id)
    assert first.place == ops
    assert f"--head`: {head}" in getattr(first, "text", "")
    assert "has 4 entries" in getattr(second, "text", "")


async def test_only_tables_of_this_version_are_read(store: Store, url: str) -> None:
    """The command line makes and changes no table."""
    async with AuditChain.opened(url) as chain:
        assert (await chain.head()).number == 0
    await store._database.write(
        lambda it: it.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    )
    with pytest.raises(StoreError, match="its schema is 0001"):
        async with AuditChain.opened(url):
            pass
