"""Posts: which chat message shows what. Written before the chat is called, and again after.

So a bot that died in between knows which posts may be in the chat or not: those still `sending`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from baton.batching import Batcher
from bot.store.database import Database, Work
from bot.store.errors import StoreError
from bot.store.sql import AnyRow, upsert
from bot.store.tables import posts

Status = Literal["waiting", "sending", "shown", "gone", "given_up"]
"""`waiting`: certainly not in the chat. `sending`: the chat was called, and may have it. `gone`:
somebody deleted it. `given_up`: the chat will not take it."""


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post: `key` names it for ever, `ref` is the chat's name for it once it is shown. `digest`
    says what it shows; `at` is when it was begun, then when it was last shown."""

    key: str
    job: str
    front: str
    channel: str
    at: datetime
    thread: str = ""
    ref: str = ""
    status: Status = "sending"
    digest: str = ""


class Posts:
    """The posts in `database`. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # one commit for the posts of many channels: asks wait behind it, on the same thread
        self._writes: Batcher[Work[Any], Any] = Batcher(self._write_all)

    async def drained(self) -> None:
        """Return once no write waits."""
        await self._writes.drained()

    async def of_job(self, job: str) -> list[PostRow]:
        """The posts of `job`, oldest first."""
        return (await self.of_jobs([job]))[job]

    async def of_jobs(self, jobs: Sequence[str]) -> dict[str, list[PostRow]]:
        """The posts of each of `jobs`, oldest first."""
        if not jobs:
            return {}
        rows = await self._database.read(partial(_select, where=posts.c.job.in_(jobs)))
        found: dict[str, list[PostRow]] = {job: [] for job in jobs}
        for row in rows:
            found[row.job].append(row)
        return found

    async def begin(self, row: PostRow) -> PostRow | None:
        """Claim the post `row.key` as `sending`, before the chat is called.

        None: it is ours to post. Otherwise the row that is there already: one that is `sending` may
        be in the chat, so look for it (since its `at`) before posting again.
        """
        found: PostRow | None = await self._writes.submit(partial(_begin, row=row))
        return found

    async def shown(self, key: str, ref: str, digest: str, at: datetime) -> None:
        """The chat shows the post as `ref`."""
        await self._set(key, status="shown", ref=ref, digest=digest, at=at)

    async def unsent(self, key: str) -> None:
        """The chat certainly did not take the post: it waits, and `begin` may claim it again."""
        await self._set(key, status="waiting")

    async def gone(self, key: str) -> None:
        """Somebody deleted the post."""
        await self._set(key, status="gone")

    async def given_up(self, key: str, digest: str = "") -> None:
        """The chat will never take the post. `digest`, if one is named, is that of the end that the
        one who asked was told alone."""
        await self._set(key, status="given_up", digest=digest)

    async def _set(self, key: str, **values: object) -> None:
        statement = update(posts).where(posts.c.key == key).values(values)

        def change(connection: Connection) -> None:
            connection.execute(statement)

        await self._writes.submit(change)

    async def _write_all(self, works: Sequence[Work[Any]]) -> Sequence[Any]:
        def together(connection: Connection) -> list[Any]:
            return [work(connection) for work in works]

        try:
            return await self._database.write(together)
        except StoreError:
            raise
        except Exception as error:
            if len(works) == 1:
                return [error]
            # One of them cannot be written: the others must not suffer for it.
            return [result for work in works for result in await self._write_all([work])]


def _select(connection: Connection, where: Any) -> list[PostRow]:
    rows = connection.execute(select(posts).where(where).order_by(posts.c.at, posts.c.key))
    return [_post(row) for row in rows]


def _begin(connection: Connection, row: PostRow) -> PostRow | None:
    statement = upsert(connection, posts).values(
        key=row.key,
        job=row.job,
        front=row.front,
        channel=row.channel,
        thread=row.thread,
        ref="",
        status="sending",
        digest=row.digest,
        at=row.at,
    )
    # A post that waits keeps the time at which it was first begun.
    statement = statement.on_conflict_do_update(
        index_elements=[posts.c.key],
        set_={"status": "sending", "thread": row.thread, "digest": row.digest, "ref": ""},
        where=posts.c.status.in_(("waiting", "gone")),
    )
    if connection.execute(statement.returning(posts.c.key)).scalar() is not None:
        return None
    found = connection.execute(select(posts).where(posts.c.key == row.key)).one()
    return _post(found)


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
