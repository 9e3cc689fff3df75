"""The time that all bots of one database go by."""

from __future__ import annotations

from datetime import datetime

from baton.bus.messages import now
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.open import open_database
from tests.bot.store.build import T0


async def test_bots_of_one_server_go_by_its_clock(url: str) -> None:
    """However wrong their own are; of a file it is the machine's, which they share."""
    database = open_database(url)
    clock = DatabaseClock(database, lambda: T0)
    try:
        told = await clock.read(), await database.read(clock.now)
    finally:
        await database.close()
    assert all(_is_right(moment, url) for moment in told)


def _is_right(moment: datetime, url: str) -> bool:
    if url.startswith("sqlite"):
        return moment == T0
    return abs((moment - now()).total_seconds()) < 60
