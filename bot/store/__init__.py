"""The database: tables, migrations, transactions. The only importer of SQLAlchemy and its drivers.

Store.ledger     jobs, runs, outbox, output          Store.servers    the last heartbeat of each
Store.posts      which chat message shows what       Store.audit      who requested what
Store.schedules  schedules and their firings         Store.alerts     checks, episodes, their posts
Store.leases     which bot does what one must do     Store.reloads    reloads of alerts.toml
Store.sign_ins   links, sessions and tokens          Store.audit_chain  the seals of these
Store.locks      who has a lock, who waits           Store.broken_freezes  and who broke one
Store.passkeys   with what people sign approvals

    jobs, output, schedules,  what is stored of each, a folder each
    alerts, audit, sign_ins
    tables                    all tables, by the names that they have in the database
    migrations                the steps from one version's tables to the next one's
    database                  transactions over SQLite and PostgreSQL
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, literal, select

from baton.bus.messages import now
from bot.store.alerts.alert_store import AlertStore
from bot.store.alerts.reloads import Reloads
from bot.store.audit.audit_chain import AuditChain
from bot.store.database.database_clock import DatabaseClock
from bot.store.database.open import make_folder, open_database
from bot.store.database.transactions import Database
from bot.store.errors import (
    DatabaseTooNew,
    DatabaseUnavailable,
    ForeignDatabase,
    StoreError,
    UnusableUrl,
)
from bot.store.jobs.audit_entries import AuditEntries
from bot.store.jobs.changes import JobChanges
from bot.store.jobs.ledger import Ledger
from bot.store.jobs.queries import Depths, JobWithRuns
from bot.store.leases import Leases
from bot.store.migrations.migrate import upgrade
from bot.store.output.outputs import OutputLine
from bot.store.post_store import PostRow, PostStore, Status
from bot.store.safety.broken_freezes import BrokenFreezes
from bot.store.safety.lock_store import LockStore
from bot.store.schedules.schedule_store import ScheduleStore
from bot.store.server_store import ServerStore
from bot.store.sign_ins.passkey_store import PasskeyStore
from bot.store.sign_ins.sign_in_store import SignInStore

__all__ = [
    "DatabaseTooNew",
    "DatabaseUnavailable",
    "Depths",
    "ForeignDatabase",
    "JobWithRuns",
    "OutputLine",
    "PostRow",
    "Status",
    "Store",
    "StoreError",
    "UnusableUrl",
]


class Store:
    """Everything that the bot stores. Make one with `Store.open`."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        shared_clock = DatabaseClock(database, clock)
        changes = JobChanges()
        changes.others = self._others = database.notifier(changes.hear)
        self.ledger = Ledger(database, changes)
        self.posts = PostStore(database)
        self.servers = ServerStore(database)
        self.audit = AuditEntries(database)
        self.audit_chain = AuditChain(database)
        self.schedules = ScheduleStore(database, shared_clock, changes)
        self.alerts = AlertStore(database)
        self.reloads = Reloads(database)
        self.leases = Leases(database, shared_clock)
        self.sign_ins = SignInStore(database, shared_clock)
        self.passkeys = PasskeyStore(database, shared_clock)
        self.locks = LockStore(database, shared_clock, changes)
        self.broken_freezes = BrokenFreezes(database, shared_clock, changes)

    @classmethod
    async def open(cls, url: str, clock: Callable[[], datetime] = now) -> Self:
        """Open the store at `url` (`sqlite:///FILE` or `postgresql://...`), and bring its tables to
        this version.

        The folder of a new file is created. Raises UnusableUrl, DatabaseUnavailable, DatabaseTooNew
        or ForeignDatabase; then nothing is left open.
        """
        database = open_database(url)
        if database.url.get_backend_name() == "sqlite":
            await asyncio.to_thread(make_folder, database.url)
        try:
            await upgrade(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, clock)

    async def close(self) -> None:
        """Finish what is under way and close the database."""
        await self.ledger.drained()
        await self.posts.drained()
        if self._others is not None:
            await self._others.close()
        await self._database.close()

    async def prune(self, before: datetime) -> int:
        """Remove what ended before `before`: jobs with all that belongs to them, firings, alerts;
        and sign-ins that have expired. Return how many jobs. The audit log stays."""
        await self.schedules.prune(before)
        await self.alerts.prune(before)
        await self.sign_ins.prune()
        await self.locks.prune(before)
        await self.broken_freezes.prune(before)
        return await self.ledger.prune(before)

    async def ping(self) -> None:
        """Return if the database answers. Raises DatabaseUnavailable."""

        def ask(connection: Connection) -> None:
            connection.execute(select(literal(1)))

        await self._database.read(ask)
