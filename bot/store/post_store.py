"""Posts: which chat message shows what. A row is written before the chat is called, and again
after.

So after a crash in between the next bot knows which posts may be in the chat: those still
`sending`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal

from sqlalchemy import Connection, Update, bindparam, or_, select, update
from sqlalchemy.sql.dml import ReturningInsert

from baton.bus.batching import Batcher
from bot.store.database.sql import AnyRow, chunks, upsert
from bot.store.database.transactions import Database
from bot.store.errors import StoreError
from bot.store.tables.post_table import posts

Status = Literal["waiting", "sending", "shown", "gone", "given_up"]
"""`waiting`: certainly not in the chat. `sending`: the chat was called, and may have it. `gone`:
somebody deleted it. `given_up`: the chat refuses it."""


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post. `key` is its name here for ever, `ref` the chat's name for it once it is shown.
    `digest` is a hash of what it shows; `at` is when it was first claimed, then when it was last
    shown."""

    key: str
    job: str
    front: str
    channel: str
    at: datetime
    thread: str = ""
    ref: str = ""
    status: Status = "sending"
    digest: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    """An update of the post `key` by `statement`."""

    key: str
    statement: Update
    values: Mapping[str, object]


_Write = PostRow | _Change
"""A PostRow is a claim."""


def _changing(*names: str) -> Update:
    # built once: building a statement takes longer than running it
    named = posts.c.key == bindparam("of_key")
    return update(posts).where(named).values({name: bindparam(f"new_{name}") for name in names})


_STATUS = _changing("status")
_GIVEN_UP = _changing("status", "digest")
_SHOWN = _changing("status", "ref", "digest", "at")


class PostStore:
    """The posts in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # one commit for the posts of many channels: requests wait behind it, on the same thread
        self._writes: Batcher[_Write, PostRow | None] = Batcher(self._write_all)

    async def drained(self) -> None:
        """Return once no write is waiting."""
        await self._writes.drained()

    async def of_job(self, job: str) -> list[PostRow]:
        """Return the posts of `job`, oldest first."""
        return (await self.of_jobs([job]))[job]

    async def of_jobs(self, jobs: Sequence[str]) -> dict[str, list[PostRow]]:
        """Return the posts of each of `jobs`, oldest first."""
        if not jobs:
            return {}
        rows = await self._database.read(partial(_select, where=posts.c.job.in_(jobs)))
        found: dict[str, list[PostRow]] = {job: [] for job in jobs}
        for row in rows:
            found[row.job].append(row)
        return found

    async def shown_for(self, job: str, under: str = "") -> PostRow | None:
        """Return the post of `job` that the chat shows, or of the job `under` if it has none of its
        own; None if neither is shown."""
        rows = await self._database.read(partial(_select, where=posts.c.key.in_([job, under])))
        shown = {row.key: row for row in rows if row.status == "shown"}
        return shown.get(job) or shown.get(under)

    async def claim(self, row: PostRow) -> PostRow | None:
        """Claim the post `row.key` as `sending`, before the chat is called.

        Returns None if it is ours to post; otherwise the row that exists already. One that is
        `sending` may be in the chat, so look for it (since its `at`) before posting again.
        """
        return await self._writes.submit(row)

    async def mark_shown(self, key: str, ref: str, digest: str, at: datetime) -> None:
        """Record that the chat shows the post as `ref`."""
        values = {"new_status": "shown", "new_ref": ref, "new_digest": digest, "new_at": at}
        await self._writes.submit(_Change(key, _SHOWN, values))

    async def mark_waiting(self, key: str) -> None:
        """Record that the chat certainly did not take the post: `claim` may claim it again."""
        await self._writes.submit(_Change(key, _STATUS, {"new_status": "waiting"}))

    async def mark_deleted(self, key: str) -> None:
        """Record that somebody deleted the post."""
        await self._writes.submit(_Change(key, _STATUS, {"new_status": "gone"}))

    async def mark_given_up(self, key: str, digest: str = "") -> None:
        """Record that the chat will never take the post. `digest`, if there is one, is that of the
        outcome that was sent to the requester alone."""
        values = {"new_status": "given_up", "new_digest": digest}
        await self._writes.submit(_Change(key, _GIVEN_UP, values))

    async def _write_all(self, writes: Sequence[_Write]) -> Sequence[PostRow | Exception | None]:
        try:
            return await self._database.write(partial(_written, writes=writes))
        except StoreError:
            raise
        except Exception as error:
            if len(writes) == 1:
                return [error]
            # one of them cannot be written: the others must be
            return [result for one in writes for result in await self._write_all([one])]


def _written(connection: Connection, writes: Sequence[_Write]) -> list[PostRow | None]:
    """Make these writes, those of each post in their order; return what each claim found."""
    found: list[PostRow | None] = [None] * len(writes)
    left = list(range(len(writes)))
    while left:
        first: dict[str, int] = {}
        for at in left:
            first.setdefault(writes[at].key, at)
        left = [at for at in left if first[writes[at].key] != at]
        # in one order, so that two bots never wait for each other in a circle
        now = [(first[key], writes[first[key]]) for key in sorted(first)]
        claims = {at: write for at, write in now if isinstance(write, PostRow)}
        there = _begin(connection, list(claims.values())) if claims else {}
        for at, row in claims.items():
            found[at] = there.get(row.key)
        for statement in (_STATUS, _GIVEN_UP, _SHOWN):
            changes = [
                {"of_key": write.key, **write.values}
                for _, write in now
                if isinstance(write, _Change) and write.statement is statement
            ]
            if changes:
                connection.execute(statement, changes)
    return found


def _select(connection: Connection, where: Any) -> list[PostRow]:
    rows = connection.execute(select(posts).where(where).order_by(posts.c.at, posts.c.key))
    return [_post(row) for row in rows]


@cache
def _claim(dialect: str) -> ReturningInsert[Any]:
    statement = upsert(dialect, posts)
    # a post that waits keeps the time at which it was first claimed
    return statement.on_conflict_do_update(
        index_elements=[posts.c.key],
        set_={
            "status": "sending",
            "thread": statement.excluded.thread,
            "digest": statement.excluded.digest,
            "ref": "",
        },
        where=or_(posts.c.status == "waiting", posts.c.status == "gone"),
    ).returning(posts.c.key)


def _begin(connection: Connection, rows: Sequence[PostRow]) -> dict[str, PostRow]:
    """Claim these posts; return those that exist already, by key."""
    values = [
        {
            "key": row.key,
            "job": row.job,
            "front": row.front,
            "channel": row.channel,
            "thread": row.thread,
            "ref": "",
            "status": "sending",
            "digest": row.digest,
            "at": row.at,
        }
        for row in rows
    ]
    claimed = set(connection.execute(_claim(connection.dialect.name), values).scalars())
    others = [row.key for row in rows if row.key not in claimed]
    return {
        row.key: row
        for some in chunks(others)
        for row in _select(connection, where=posts.c.key.in_(some))
    }


def _post(row: AnyRow) -> PostRow:
    return PostRow(
        key=row.key,
        job=row.job,
        front=row.front,
        channel=row.channel,
        at=row.at,
        thread=row.thread,
        ref=row.ref,
        status=row.status,
        digest=row.digest,
    )
