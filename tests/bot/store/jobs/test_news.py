"""What is new of a job: all of it, each piece once, whoever asks and wherever they stopped."""

from __future__ import annotations

import random

import pytest

from baton.bus.messages import State
from bot.jobs import NewJob
from bot.store import Store
from bot.store.jobs.news import BEGINNING, OutputPiece, Position
from tests.bot.store.build import asked, deploy, later, update


async def talk(store: Store, new: NewJob, sequence: int, *hosts: str, text: str = "") -> None:
    """These servers say a line each, in one transaction."""
    said = [
        update(new, host, sequence, State.RUNNING, text=text or f"{host} {sequence}", level="log")
        for host in hosts
    ]
    await store.ledger.apply_updates(said, later(sequence))


async def everything(store: Store, job: str, after: Position, limit: int) -> list[OutputPiece]:
    """All that is new since `after`, asked for `limit` pieces at a time."""
    found: list[OutputPiece] = []
    while True:
        news = await store.ledger.news(job, after, limit)
        assert news is not None
        assert len(news.pieces) <= limit
        found += news.pieces
        after = news.upto
        if not news.more:
            assert after == Position(news.job.revision)
            return found


def words(pieces: list[OutputPiece]) -> list[tuple[str, int, str]]:
    """What they say, without where they stand."""
    return [(piece.host, piece.first, piece.text) for piece in pieces]


async def test_output_has_the_revision_of_what_wrote_it(store: Store) -> None:
    """Whoever has read a job up to a revision reads only what was written after it."""
    new = await asked(store, deploy("web-1", "web-2"))
    await talk(store, new, 1, "web-1", "web-2")
    first = await store.ledger.news(new.job.id)
    assert first is not None
    assert words(list(first.pieces)) == [("web-1", 1, "web-1 1"), ("web-2", 1, "web-2 1")]
    await talk(store, new, 2, "web-2", text="a\nb")
    await talk(store, new, 3, "web-2")
    second = await store.ledger.news(new.job.id, first.upto)
    assert second is not None
    assert words(list(second.pieces)) == [("web-2", 2, "a\nb"), ("web-2", 4, "web-2 3")]
    assert second.upto == Position(first.upto.revision + 2)
    assert {run.host: run.sequence for run in second.runs} == {"web-1": 1, "web-2": 3}
    third = await store.ledger.news(new.job.id, second.upto)
    assert third is not None
    assert (third.pieces, third.more, third.upto) == ((), False, second.upto)
    assert await store.ledger.revision(new.job.id) == third.job.revision
    assert await store.ledger.news("nobody") is None


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_one_may_stop_anywhere(store: Store, other: Store, limit: int) -> None:
    """From every position that a bot gave, each bot goes on with exactly the rest: nothing is
    missing and nothing comes twice, in the middle of a transaction too."""
    new = await asked(store, deploy("web-1", "web-2", "web-3"))
    chance = random.Random(7)
    for sequence in range(1, 8):
        await talk(store, new, sequence, *chance.sample(["web-1", "web-2", "web-3"], 2))
    whole = await everything(store, new.job.id, BEGINNING, limit)
    assert len(whole) == 14
    for cut, piece in enumerate(whole, 1):
        rest = await everything(other, new.job.id, Position.parse(str(piece.after)), limit)
        assert rest == whole[cut:]


async def test_pieces_up_to_a_revision(store: Store) -> None:
    """What came after it is left out."""
    new = await asked(store, deploy("web-1"))
    for sequence in (1, 2, 3):
        await talk(store, new, sequence, "web-1")
    now = await store.ledger.revision(new.job.id)
    assert now is not None
    found = await store.ledger.pieces(new.job.id, BEGINNING, now - 1)
    assert [piece.text for piece in found] == ["web-1 1", "web-1 2"]


async def test_output_of_an_older_bot_is_counted(store: Store) -> None:
    """A bot from before the column, which still leads, writes output without a revision: who
    watches is told that there is some."""
    new = await asked(store, deploy("web-1"))
    await talk(store, new, 1, "web-1")

    def older(connection: object) -> None:
        from sqlalchemy import Connection, text

        assert isinstance(connection, Connection)
        connection.execute(text("UPDATE output SET revision = 0"))

    before = await store.ledger.news(new.job.id)
    await store._database.write(older)
    after = await store.ledger.news(new.job.id)
    assert before is not None
    assert after is not None
    assert (before.unstamped, after.unstamped) == (0, 1)


@pytest.mark.parametrize("text", ["12", "12.3", "0", "0.0"])
def test_positions_are_read_as_they_are_written(text: str) -> None:
    """And they are in order: all of a revision comes after each part of it."""
    assert str(Position.parse(text)) == text
    assert Position(11) < Position(12, 3) < Position(12, 4) < Position(12)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", "1.2.3", "٣", "1" * 10, " 1"])
def test_what_is_no_position(text: str) -> None:
    """It comes from outside, so it may be anything."""
    with pytest.raises(ValueError, match="a position is"):
        Position.parse(text)
