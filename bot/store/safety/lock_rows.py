"""Locks as rows, and the steps that change them. Whoever changes the locks of an environment holds
its row in `fences`, so that bots take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from baton.bus.messages import Person
from bot.locks import End, Lock, Notice, Scope, Step, advance
from bot.schedules.posts import ChannelNotice, channel_notice
from bot.store.database.sql import AnyRow, upsert
from bot.store.jobs import schedule_post_rows
from bot.store.jobs.job_rows import Values, place_of, place_row
from bot.store.tables.lock_tables import fences, locks


def lock_row(lock: Lock) -> Values:
    """Return the row of `lock`."""
    return {
        "id": lock.id,
        "key": lock.key,
        "environment": lock.scope.environment,
        "app": lock.scope.app,
        "hosts": sorted(lock.scope.hosts),
        **person_row(lock.owner),
        **place_row(lock.place),
        "reason": lock.reason,
        "asked": lock.asked,
        "until": lock.until,
        "seconds": lock.seconds,
        "since": lock.since,
        "number": lock.number,
        "nagged": lock.nagged,
        "ended": lock.ended,
        "how": "" if lock.how is None else lock.how.value,
    }


def lock_of(row: AnyRow) -> Lock:
    """Return the lock in `row`."""
    hosts = frozenset(map(str, row.hosts)) if isinstance(row.hosts, list) else frozenset()
    return Lock(
        row.id,
        row.key,
        Scope(row.environment, row.app, hosts),
        person_of(row),
        place_of(row),
        row.reason,
        row.asked,
        row.until,
        row.seconds,
        row.since,
        row.number,
        row.nagged,
        row.ended,
        End(row.how) if row.how in set(End) else None,
    )


def person_row(person: Person) -> Values:
    """Return the columns of a person."""
    return {
        "person_id": person.id,
        "person_name": person.name,
        "person_standing": person.standing,
    }


def person_of(row: AnyRow) -> Person:
    """Return the person in a row."""
    return Person(id=row.person_id, name=row.person_name, standing=row.person_standing)


def lock_of_key(connection: Connection, key: str) -> Lock | None:
    """Return the lock that the request `key` asked for, if it asked for one."""
    row = connection.execute(select(locks).where(locks.c.key == key)).first()
    return None if row is None else lock_of(row)


def open_locks(connection: Connection, environments: Sequence[str] | None = None) -> list[Lock]:
    """Return the locks that have not ended, in these environments or in all."""
    statement = select(locks).where(locks.c.ended.is_(None)).order_by(locks.c.asked, locks.c.id)
    if environments is not None:
        statement = statement.where(locks.c.environment.in_(environments))
    return [lock_of(row) for row in connection.execute(statement)]


def numbers(connection: Connection, environments: Sequence[str]) -> dict[str, int]:
    """Return the last number of each of these environments that has had a lock."""
    statement = select(fences).where(fences.c.environment.in_(environments))
    return {row.environment: row.number for row in connection.execute(statement)}


def hold_numbers(connection: Connection, environments: Sequence[str]) -> dict[str, int]:
    """Return the last number of each of these environments. Until the transaction ends nobody takes
    a lock there."""
    if connection.dialect.name == "sqlite":  # whoever writes is alone
        return numbers(connection, environments)
    shared = select(fences).where(fences.c.environment.in_(environments))
    shared = shared.order_by(fences.c.environment).with_for_update(read=True)
    found = {row.environment: row.number for row in connection.execute(shared)}
    missing = sorted({*environments} - {*found})
    if missing:  # no lock was ever taken there: without a row there is nothing to hold
        rows = [{"environment": each, "number": 0} for each in missing]
        fresh = upsert(connection, fences).on_conflict_do_nothing(
            index_elements=[fences.c.environment]
        )
        connection.execute(fresh, rows)
        found |= {row.environment: row.number for row in connection.execute(shared)}
    return found


def take_turn(
    connection: Connection, environment: str, clock: Callable[[Connection], datetime]
) -> tuple[Step, datetime]:
    """Wait until no other bot changes the locks of `environment`, and return what has become of
    them by then, and the moment. Nothing is written yet."""
    fresh = upsert(connection, fences).values(environment=environment, number=0)
    connection.execute(fresh.on_conflict_do_nothing(index_elements=[fences.c.environment]))
    mine = select(fences.c.number).where(fences.c.environment == environment).with_for_update()
    number = connection.execute(mine).scalar_one()
    now = clock(connection)  # not before: the turn may have been waited for
    return advance(open_locks(connection, [environment]), number, now), now


def write_step(connection: Connection, environment: str, step: Step, now: datetime) -> set[str]:
    """Write `step`. Return the ids of the notices that are to be posted."""
    for lock in step.changed:
        row = lock_row(lock)
        statement = upsert(connection, locks).values(**row)
        connection.execute(statement.on_conflict_do_update(index_elements=[locks.c.id], set_=row))
    connection.execute(
        update(fences)
        .where(fences.c.environment == environment, fences.c.number < step.number)
        .values(number=step.number)
    )
    return post_notices(connection, step.notices, now)


def post_notices(connection: Connection, notices: Iterable[Notice], now: datetime) -> set[str]:
    """Have `notices` posted where the locks were asked for. Return their ids."""
    posts = [_post(notice, now) for notice in notices]
    schedule_post_rows.show(connection, posts)
    return {post.id for post in posts}


def _post(notice: Notice, now: datetime) -> ChannelNotice:
    lock = notice.lock
    title = f"lock {lock.scope.words}"
    mark = f"lock/{lock.id}/{notice.mark}"
    return channel_notice(mark, lock.place, lock.owner, title, notice.text, notice.good, now)
