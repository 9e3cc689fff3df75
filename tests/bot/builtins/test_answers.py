"""Commands that answer from the servers that the bot knows."""

from __future__ import annotations

import pytest

from bot.dispatch.policy import EnvironmentTable, Policy
from bot.store import Store
from tests.bot.counter import BEN, GUARDED, Counter, table


@pytest.fixture
def guarded(store: Store) -> Counter:
    """People before a bot where prod is protected."""
    return Counter(store, GUARDED)


async def test_servers_of_a_protected_environment_are_seen_by_whom_a_rule_lets(
    guarded: Counter,
) -> None:
    """Others see the rest, and how many there are besides; asked for alone they are refused."""
    summary, rows = table(await guarded.ask("servers", BEN))
    assert [row[0] for row in rows] == ["web-9"]
    assert "2 servers left out: you are not allowed to read them" in summary
    refused = await guarded.ask("servers prod", BEN)
    assert 'commands = ["servers"], environments = ["prod"]' in refused.text
    typo = await guarded.ask("servers prodd", BEN)
    assert "prod." not in typo.text
    assert len(table(await guarded.ask("servers"))[1]) == 3
    shut = Policy(environments={name: EnvironmentTable(protected=True) for name in ("prod",)})
    alone = Counter(guarded.store, shut)
    alone.servers._heartbeats.pop("web-9")
    refused = await alone.ask("servers", BEN)
    assert refused.text.startswith("Not allowed: /servers in prod.")
    assert "web-1" not in refused.text
