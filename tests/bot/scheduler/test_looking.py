"""Looking for what is due costs the same however many schedules and firings there are."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, event

from bot.store import Store
from bot.store.database.sqlite import Sqlite
from tests.bot.scheduler.office import Make


async def test_every_look_is_by_an_index(store: Store, office: Make) -> None:
    """What runs all the time reads what is due or under way, and nothing of what is over."""
    it = office()
    asked_of: dict[str, Any] = {}
    database = store._database
    assert isinstance(database, Sqlite)

    def note(_c: object, _k: object, statement: str, values: Any, _x: object, many: bool) -> None:
        asked_of[statement] = values[0] if many else values

    for engine in (database._reader, database._writer):
        event.listen(engine, "before_cursor_execute", note)
    schedule = await it.scheduled("hail prod every 10s")
    await it.passes(30)
    for words in ("list", f"history {schedule.id}", f"pause {schedule.id}"):
        await it.ask(f"schedule {words}")

    def plans(connection: Connection) -> dict[str, str]:
        return {
            statement: " / ".join(
                row[3]
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            )
            for statement, values in list(asked_of.items())
            if statement.startswith(("SELECT", "UPDATE")) and "alembic" not in statement
        }

    found = await database.read(plans)
    scans = {
        statement: plan
        for statement, plan in found.items()
        if re.search(r"SCAN (?!pair VIRTUAL|outbox|servers)\w+(?! USING)(?= /|$)", plan)
    }
    assert scans == {}
    used = " ".join(found.values())
    assert "schedules_due" in used
    assert "firings_open" in used


async def test_rounds_do_not_grow_with_schedules(office: Make) -> None:
    """One round looks for all that is due: nothing is set or asked for each schedule."""
    it = office()
    for _ in range(50):
        await it.scheduled("hail prod at 23:00")
    statements: list[str] = []
    database = it.store._database
    assert isinstance(database, Sqlite)
    event.listen(
        database._reader, "before_cursor_execute", lambda *said: statements.append(said[2])
    )
    await it.scheduler.round()
    assert len([each for each in statements if not each.startswith("BEGIN")]) == 3
