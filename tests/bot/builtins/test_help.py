"""`/help`: what can be asked."""

from __future__ import annotations

import pytest

from bot.store import Store
from tests.bot.counter import Counter
from tests.bot.world import COMMANDS


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store)


async def test_help_lists_and_explains(counter: Counter) -> None:
    """Two lines for each command, none of them wide; the whole of one that is named."""
    first, blank, *every = (await counter.ask("help")).text.splitlines()
    assert (first, blank) == ("Available commands. For details: /help COMMAND", "")
    assert len(every) == 2 * len(COMMANDS)
    assert all(usage.startswith("/") for usage in every[::2])
    assert all(summary.startswith("    ") for summary in every[1::2])
    assert max(map(len, every)) < 100
    one = (await counter.ask("help /ship")).text
    assert one.startswith("/ship APP ENVIRONMENT [--ref REF] [--host HOST]")
