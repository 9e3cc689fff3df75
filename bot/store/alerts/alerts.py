"""Alerts: what is watched and what fires, and the posts about it. What the engine has decided is
written in one transaction with the posts that are wanted for it: both are there, or neither."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    bindparam,
    case,
    delete,
    insert,
    select,
    type_coerce,
    update,
)

from alerts.changes import Changes, Rows, dump, load
from alerts.checks.check_state import CheckRow
from alerts.checks.visibility import VisibilityRow
from alerts.episodes import Episode
from alerts.mute.silences import Silence
from alerts.notify.groups import GroupRow
from alerts.notify.notification import Notification
from alerts.notify.rate_limit import ChannelRow
from baton.text.printable import printable
from bot.store.database.sql import upsert
from bot.store.database.transactions import Database
from bot.store.tables.alerts import (
    asks,
    bulletins,
    channels,
    episodes,
    groups,
    sight,
    silences,
    watches,
)
from bot.store.tables.leases import leases
from bot.store.tables.posts import posts

log = structlog.get_logger(__name__)

R = TypeVar("R")

MOST_ASKS = 1000
"""Asks that are read at once."""

_TOLD = (
    update(bulletins)
    .where(bulletins.c.key == bindparam("of_key"), bulletins.c.revision == bindparam("of_revision"))
    .values(told=True, shown=bindparam("of_revision"))
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Since when a post is wanted as it is, and how many updates that is."""

    since: datetime
    updates: int


@dataclass(frozen=True, slots=True)
class Thread:
    """A post about alerts and all that stands under it, in the order in which it was first wanted.
    `since` is when that was first so; `revisions`, by key, say what was read, and `waits` what is
    not told yet."""

    subject: str
    since: datetime
    bulletins: tuple[Notification, ...]
    revisions: Mapping[str, int]
    waits: Mapping[str, Wait]


class Alerts:
    """The alerts in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Rows:
        """What an engine goes on from."""
        return await self._database.read(_load)

    async def write(
        self,
        changes: Changes,
        lease: tuple[str, str],
        at: datetime,
        done: Sequence[int] = (),
    ) -> bool:
        """Write `changes` whole, if `lease` (its name, its holder) is held; whether it is. They
        hold what came of the asks that are `done`.

        A bot that stood still while another took over must not write over what that one wrote.
        """

        def write(connection: Connection) -> bool:
            held = select(leases.c.name).where(
                leases.c.name == lease[0], leases.c.holder == lease[1]
            )
            if connection.execute(held.with_for_update()).one_or_none() is None:
                return False
            _write(connection, changes, at)
            if done:
                connection.execute(delete(asks).where(asks.c.number.in_(done)))
            return True

        return await self._database.write(write)

    async def ask(self, data: object) -> None:
        """Keep what somebody wants, until it is done."""

        def keep(connection: Connection) -> None:
            connection.execute(insert(asks).values(data=data))

        await self._database.write(keep)

    async def asked(self) -> list[tuple[int, object]]:
        """What is to be done, the oldest first, each with its number."""
        statement = select(asks).order_by(asks.c.number).limit(MOST_ASKS)

        def read(connection: Connection) -> list[tuple[int, object]]:
            return [(row.number, row.data) for row in connection.execute(statement)]

        return await self._database.read(read)

    async def untold(self) -> list[Thread]:
        """What is not shown yet as it is, the oldest first, with all that stands beside it."""
        return await self._database.read(_untold)

    async def threads(self, subjects: Sequence[str]) -> list[Thread]:
        """Those of the posts with these keys that there are, shown or not, with all that stands
        beside them."""
        return await self._database.read(partial(_threads, subjects=subjects))

    async def mark_told(self, revisions: Mapping[str, int]) -> None:
        """These posts are shown, as they were at that revision."""
        rows = [{"of_key": key, "of_revision": number} for key, number in revisions.items()]

        def mark(connection: Connection) -> None:
            connection.execute(_TOLD, rows)

        if rows:
            await self._database.write(mark)

    async def history(self, limit: int = 20) -> list[Episode]:
        """The last episodes, the newest first."""
        columns = (episodes.c.fingerprint, episodes.c.data)
        statement = select(*columns).order_by(episodes.c.started.desc()).limit(limit)

        def read(connection: Connection) -> list[Episode]:
            found = connection.execute(statement)
            return [*_readable(Episode, ((row.fingerprint, row.data) for row in found))]

        return await self._database.read(read)

    async def prune(self, before: datetime) -> None:
        """Forget episodes and silences that were over before then, and posts as old that are
        told; and the numbers of what is watched no more and of posts, once there is nothing left
        that bears one of them."""

        def prune(connection: Connection) -> None:
            connection.execute(delete(episodes).where(episodes.c.ended < before))
            connection.execute(delete(silences).where(silences.c.until < before))
            fires = select(episodes.c.started).where(episodes.c.ended.is_(None))
            oldest = connection.execute(fires.order_by(episodes.c.started).limit(1)).scalar()
            until = before if oldest is None else min(before, oldest)
            old = (bulletins.c.at < until, bulletins.c.told, ~bulletins.c.key.like("board/%"))
            keys = select(bulletins.c.key).where(*old)
            connection.execute(delete(posts).where(posts.c.key.in_(keys)))
            connection.execute(delete(bulletins).where(*old))
            _forget_numbers(connection)

        await self._database.write(prune)


def _load(connection: Connection) -> Rows:
    firing = select(episodes.c.fingerprint, episodes.c.data).where(episodes.c.ended.is_(None))
    found = connection.execute(firing.order_by(episodes.c.started))
    return Rows(
        checks=_all(connection, watches, CheckRow),
        episodes=tuple(_readable(Episode, ((row.fingerprint, row.data) for row in found))),
        groups=_all(connection, groups, GroupRow),
        silences=_all(connection, silences, Silence),
        channels=_all(connection, channels, ChannelRow),
        visibility=next(iter(_all(connection, sight, VisibilityRow)), VisibilityRow()),
    )


def _forget_numbers(connection: Connection) -> None:
    # a bot that leads knows them still, and writes them anew when it uses the next one
    firsts = connection.execute(select(bulletins.c.subject)).scalars()
    posted = {subject.split("/")[1] for subject in firsts if subject.count("/") > 1}
    happened = set(connection.execute(select(episodes.c.fingerprint).distinct()).scalars())
    for table, over, used in ((groups, "closed", posted), (watches, "forgotten", happened)):
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
    return tuple(_readable(kind, ((row.key, row.data) for row in found)))


def _readable(kind: type[R], rows: Iterable[tuple[str, object]]) -> Iterator[R]:
    """The rows of this kind, each with its key. One that cannot be read stays in the database as it
    is, set aside: it keeps nothing else from being watched or shown."""
    for key, data in rows:
        try:
            row = load(kind, data)
        except (ValueError, TypeError) as error:
            reason = printable(str(error))[:500]
            log.error("a row is set aside", kind=kind.__name__, key=key, reason=reason)
        else:
            yield row


def _write(connection: Connection, changes: Changes, at: datetime) -> None:
    for table, rows in (
        (watches, changes.checks),
        (groups, changes.groups),
        (channels, changes.channels),
        (sight, {"sight": changes.visibility} if changes.visibility else {}),
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
    _want(connection, changes.notifications.values(), at)


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
        # a source may say that it began years ago: what is of after that must not be kept for it
        "started": _moment(episode.opened or episode.started),
        "ended": None if episode.ended is None else _moment(episode.ended),
        "data": dump(episode),
    }


def _want(connection: Connection, wanted: Iterable[Notification], at: datetime) -> None:
    rows = [
        {
            "key": one.key,
            "subject": one.parent or one.key,
            "at": at,
            "data": dump(one),
            "revision": 1,
            "told": False,
            "wanted": at,
            "shown": 0,
        }
        for one in wanted
    ]
    if not rows:
        return
    insert = upsert(connection, bulletins)
    again = {
        "data": insert.excluded.data,
        "revision": bulletins.c.revision + 1,
        "told": insert.excluded.told,
        "wanted": case((bulletins.c.told, insert.excluded.wanted), else_=bulletins.c.wanted),
    }
    # what is wanted as it was before is no update
    statement = insert.on_conflict_do_update(
        index_elements=[bulletins.c.key],
        set_=again,
        where=bulletins.c.data != insert.excluded.data,
    )
    connection.execute(statement, rows)


def _untold(connection: Connection) -> list[Thread]:
    news = select(bulletins.c.subject).where(~bulletins.c.told)
    return _read(connection, bulletins.c.subject.in_(news))


def _threads(connection: Connection, subjects: Sequence[str]) -> list[Thread]:
    return _read(connection, bulletins.c.subject.in_(subjects))


def _read(connection: Connection, which: ColumnElement[bool]) -> list[Thread]:
    statement = select(bulletins).where(which)
    # what stands under a post comes after it
    apart = bulletins.c.key != bulletins.c.subject
    threads: dict[str, list[Any]] = {}
    for row in connection.execute(statement.order_by(bulletins.c.at, apart, bulletins.c.key)):
        threads.setdefault(row.subject, []).append(row)
    found = []
    for subject, rows in threads.items():
        read = tuple(_readable(Notification, ((row.key, row.data) for row in rows)))
        known = {one.key for one in read}
        kept = [row for row in rows if row.key in known]
        if kept:
            waits = {
                row.key: Wait(row.wanted, row.revision - row.shown) for row in kept if not row.told
            }
            revisions = {row.key: row.revision for row in kept}
            found.append(Thread(subject, rows[0].at, read, revisions, waits))
    return found


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
