"""Rows of the engine's state: what is checked, what fires, groups, silences, channels. Each row is
JSON that the engine alone reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Table, Text, bindparam, delete, select, type_coerce

from alerts.changes import Changes, Rows, dump, load
from alerts.checks.check_state import CheckRow
from alerts.checks.visibility import VisibilityRow
from alerts.episodes import Episode
from alerts.mute.silences import Silence
from alerts.notify.groups import GroupRow
from alerts.notify.rate_limit import ChannelRow
from baton.text.printable import printable
from bot.store.database.sql import upsert
from bot.store.tables.alert_tables import channels, checks, episodes, groups, silences, visibility

log = structlog.get_logger(__name__)

R = TypeVar("R")


def read_all(connection: Connection) -> Rows:
    """Return what an engine goes on from."""
    return Rows(
        checks=_all(connection, checks, CheckRow),
        episodes=tuple(firing(connection)),
        groups=_all(connection, groups, GroupRow),
        silences=_all(connection, silences, Silence),
        channels=_all(connection, channels, ChannelRow),
        visibility=next(iter(_all(connection, visibility, VisibilityRow)), VisibilityRow()),
    )


def firing(connection: Connection) -> list[Episode]:
    """Return the episodes that fire, oldest first."""
    fires = select(episodes.c.fingerprint, episodes.c.data).where(episodes.c.ended.is_(None))
    found = connection.execute(fires.order_by(episodes.c.started))
    return [*readable(Episode, ((row.fingerprint, row.data) for row in found))]


def readable(kind: type[R], rows: Iterable[tuple[str, object]]) -> Iterator[R]:
    """Yield the rows of this kind. One that cannot be read stays in the database as it is, and is
    skipped: all others are checked and shown as ever."""
    for key, data in rows:
        try:
            row = load(kind, data)
        except (ValueError, TypeError) as error:
            reason = printable(str(error))[:500]
            log.error("a row is skipped", kind=kind.__name__, key=key, reason=reason)
        else:
            yield row


def write(connection: Connection, changes: Changes) -> None:
    """Write what the engine changed of its state."""
    for table, rows in (
        (checks, changes.checks),
        (groups, changes.groups),
        (channels, changes.channels),
        (visibility, {"sight": changes.visibility} if changes.visibility else {}),
    ):
        _put(connection, table, [{"key": key, "data": dump(row)} for key, row in rows.items()])
    _put(
        connection,
        silences,
        [
            {"key": one.id, "until": _moment(one.until), "data": dump(one)}
            for one in changes.silences.values()
        ],
    )
    _put(connection, episodes, [_episode(one) for one in changes.episodes.values()])


def _put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    insert = upsert(connection, table)
    key = [column.name for column in table.primary_key.columns]
    changing = {name: insert.excluded[name] for name in rows[0] if name not in key}
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changing), rows)


def _episode(episode: Episode) -> dict[str, Any]:
    return {
        "fingerprint": episode.fingerprint,
        "number": episode.number,
        # a source may say that it began years ago: posts since then must not be kept because of it
        "started": _moment(episode.opened or episode.started),
        "ended": None if episode.ended is None else _moment(episode.ended),
        "data": dump(episode),
    }


def drop_unused_numbers(connection: Connection, posted: Iterable[str]) -> None:
    """Remove closed groups and forgotten checks that count numbers, once nothing left bears one of
    them. `posted` are the keys of the groups that have posts."""
    # the leading bot knows them still, and writes them again when it uses the next one
    happened = set(connection.execute(select(episodes.c.fingerprint).distinct()).scalars())
    for table, over, used in (
        (groups, "closed", set(posted)),
        (checks, "forgotten", happened),
    ):
        rows = connection.execute(
            select(table.c.key, table.c.data).where(
                type_coerce(table.c.data, Text).contains(f'"{over}":true')
            )
        )
        gone = [row.key for row in rows if row.data[over] and row.key not in used]
        if gone:
            of_key = table.c.key == bindparam("of_key")
            connection.execute(delete(table).where(of_key), [{"of_key": key} for key in gone])


def _all(connection: Connection, table: Table, kind: type[R]) -> tuple[R, ...]:
    found = connection.execute(select(table.c.key, table.c.data).order_by(table.c.key))
    return tuple(readable(kind, ((row.key, row.data) for row in found)))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
