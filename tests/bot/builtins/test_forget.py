"""`/forget`: a server that is gone for good is dropped."""

from __future__ import annotations

from bot.store import Store
from tests.bot.counter import BEN, SHUT, Counter


async def test_a_server_is_dropped_by_whom_a_rule_lets(store: Store) -> None:
    """It changes what is deployed to, so it needs a rule; either is recorded."""
    refused = await Counter(store, SHUT).ask("forget web-1", BEN)
    assert refused.text.startswith("Not allowed: /baton forget in prod.")
    counter = Counter(store)
    reply = await counter.ask("forget web-1")
    assert reply.text.startswith("Forgotten: web-1 in prod.")
    assert [seen.facts.host for seen in counter.servers.servers()] == ["web-2", "web-9"]
    assert [one.verdict for one in await store.audit.recent(2)] == ["allowed", "refused"]


async def test_a_server_that_is_not_known_is_not_dropped(store: Store) -> None:
    """The names that are near are said."""
    reply = await Counter(store).ask("forget web-11")
    assert not reply.ok
    assert reply.text.startswith("Unknown server “web-11”.")
    assert "See /servers" in reply.text
