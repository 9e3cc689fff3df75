"""Every ask is recorded, whatever was typed."""

from __future__ import annotations

import pytest

from bot.store import Store
from tests.bot.counter import Counter, table


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


async def test_what_is_answered_here_is_kept_too(counter: Counter) -> None:
    """Every ask is kept, also one that only looks."""
    reply = await counter.ask("servers prod")
    assert reply.answer is not None
    assert [row[0] for row in reply.answer.rows] == ["web-1", "web-2"]
    entry = await counter.audit()
    assert (entry.verdict, entry.environment) == ("answered", "prod")


@pytest.mark.parametrize(
    "text",
    [
        "ship shop prod\0",
        "jobs \0",
        "jobs \ud800",
        "help \ud83d",
        "log \0\0\0\0",
        "audit --last " + "9" * 5000,
        "jobs " + "x" * 5000,
        "y" * 100_000,
        "audit --last ١٢",
        "\u202eping prod",
        "servers \0",
        "cancel " + "a" * 32,
    ],
)
async def test_whatever_is_typed_is_answered_and_kept_in_bounds(store: Store, text: str) -> None:
    """No word is too odd or too long, and none blinds the audit."""
    counter = Counter(store)
    reply = await counter.ask(text)
    assert reply.text or reply.answer
    entry = await counter.audit()
    assert len(entry.words) <= 1000
    assert len(entry.reason) <= 1000
    assert entry.words.encode()
    _, rows = table(await counter.ask("audit"))
    assert [row[-1] for row in rows] == ["answered", entry.verdict]
    assert all(len(cell) <= 80 for row in rows for cell in row)
    assert not any("\u202e" in cell for row in rows for cell in row)
