"""`/audit`: the audit log, for those who may read it."""

from __future__ import annotations

import pytest

from bot.store import Store
from tests.bot.counter import BEN, GUARDED, SECRET, Counter, table


@pytest.fixture
def guarded(store: Store) -> Counter:
    """People before a bot where prod is protected."""
    return Counter(store, GUARDED)


async def test_audit_leaves_out_what_may_not_be_read(guarded: Counter) -> None:
    """Requests about protected environments, and what was said in private channels, whatever
    became of it."""
    await guarded.ask("ship shop prod")
    await guarded.ask("ship shop prod now")
    await guarded.ask("ship shop staging", place=SECRET)
    await guarded.ask("hello", place=SECRET)
    await guarded.ask("ship shop staging")
    summary, rows = table(await guarded.ask("audit", BEN))
    assert [row[3] for row in rows] == ["audit", "ship shop staging"]
    assert summary == (
        "The latest requests: 2; 4 requests left out: you are not allowed to read them"
    )
    _, rows = table(await guarded.ask("audit"))
    assert [row[2] for row in rows[-4:]] == [
        "private channel C_SECRET",
        "private channel C_SECRET",
        "ops",
        "ops",
    ]
