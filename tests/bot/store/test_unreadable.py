"""A row that cannot be read, by somebody's hand or of another Baton, hurts itself alone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text

from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat, State
from bot.store import Store
from tests.bot.store.build import asked, deploy, job_of, later, states


async def spoil(store: Store, statement: str, **values: Any) -> None:
    """Change rows as nobody should."""

    def change(connection: Connection) -> None:
        assert connection.execute(text(statement), values).rowcount

    await store.ledger._database.write(change)


FACTS = [
    '{"host": "web-1"}',
    '{"host": "WEB 1/x", "environment": "prod"}',
    '{"host": "%s", "environment": "prod"}' % ("x" * 5_000),
    '{"host": "web-1", "environment": "a.b"}',
    "no JSON",
    "[]",
    "",
]


@pytest.mark.parametrize("facts", FACTS, ids=range(len(FACTS)))
async def test_a_server(store: Store, facts: str) -> None:
    """It is left out until it is heard again; the others are there."""
    beats = [
        Heartbeat(facts=Facts(host=host, environment="prod"), interval=15)
        for host in ("web-1", "web-2")
    ]
    await store.servers.record(beats, later(0))
    await spoil(store, "UPDATE servers SET facts = :facts WHERE host = 'web-1'", facts=facts)
    for _ in range(2):
        assert [one.facts.host for one in await store.servers.all()] == ["web-2"]
    await store.servers.record(beats, later(1))
    assert len(await store.servers.all()) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE jobs SET arguments = '{' WHERE id = :job",
        "UPDATE jobs SET asked = 9223372036854775807 WHERE id = :job",
        "UPDATE jobs SET person_id = :long, person_name = :long WHERE id = :job",
        "UPDATE runs SET state = 'resting' WHERE job = :job",
        "UPDATE runs SET facts = 'no JSON' WHERE job = :job",
        "UPDATE runs SET started = 9223372036854775807 WHERE job = :job",
        "UPDATE runs SET late = 'resting' WHERE job = :job",
    ],
)
async def test_a_job(store: Store, change: str) -> None:
    """All that looks at several jobs goes on, and the others end as they should."""
    spoilt, whole = await asked(store, deploy("web-1")), await asked(store, deploy("web-1"))
    values = {"job": spoilt.job.id, "long": "x" * 300}
    await spoil(
        store, change, **{name: value for name, value in values.items() if f":{name}" in change}
    )
    assert set(await store.ledger.jobs([spoilt.job.id, whole.job.id])) == {
        spoilt.job.id,
        whole.job.id,
    }
    assert len(await store.ledger.recent()) == 2
    await store.ledger.close_overdue(later(86_400), later(0))
    assert (await states(store, whole))["web-1"].final
    assert (await job_of(store, whole)).closed is not None


async def test_a_run_in_an_unknown_state_is_lost_to_us(store: Store) -> None:
    """A newer Baton may know more states: this one says which it does not."""
    new = await asked(store, deploy("web-1"))
    await spoil(store, "UPDATE runs SET state = 'resting'")
    found = await store.ledger.job(new.job.id)
    assert found is not None
    assert found[1][0].state is State.LOST
    assert "resting" in found[1][0].text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET person_id = :long, person_name = :long",
        "UPDATE audit SET time = 9223372036854775807",
    ],
)
async def test_the_audit(store: Store, change: str) -> None:
    """It is shown, and looked through at the start."""
    await asked(store, deploy("web-1"))
    await spoil(store, change, **({"long": "x" * 300} if ":long" in change else {}))
    assert len(await store.audit.recent()) == 1
