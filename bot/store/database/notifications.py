"""Notifications: bots of one PostgreSQL database tell each other which jobs have changed.

By LISTEN and NOTIFY, over a connection of its own. What is told while that connection is lost, or
through a pooler that does not pass notifications on, is not heard: it only makes news quicker.

It is sent after the transaction, not in it: PostgreSQL commits transactions that notify one after
the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import structlog
from sqlalchemy import URL, NullPool
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import override

from bot.store.database.transactions import Heard, Notifier

log = structlog.get_logger(__name__)

CHANNEL = "baton_jobs"
CONNECT_TIMEOUT = 5.0
"""Seconds for connecting, and for one statement."""
CHECK_SECONDS = 15.0
"""Seconds after which a connection that says nothing is checked."""
RETRY_SECONDS = (1.0, 30.0)
"""Seconds between two attempts to connect: at first, and at most."""
MAX_WAITING = 10_000
"""Ids that wait to be sent, at most."""
_IDS = 400
"""Ids in one notification: its payload must be shorter than 8,000 bytes."""
_SEND = f"SELECT pg_notify('{CHANNEL}', $1)"


class Notifications(Notifier):
    """Sends ids to other bots of the database `url`, and gives those that others send to `heard`.
    It connects when it is first needed."""

    def __init__(self, url: URL, heard: Heard) -> None:
        # through SQLAlchemy, so that the options of the URL mean the same as for its pool
        self._engine = create_async_engine(
            url,
            hide_parameters=True,
            poolclass=NullPool,
            connect_args={
                "timeout": CONNECT_TIMEOUT,
                "command_timeout": CONNECT_TIMEOUT,
                "server_settings": {"application_name": "baton notifications"},
            },
        )
        self._heard = heard
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        """Set while others are heard."""

    @override
    def start(self) -> None:
        """Begin to listen, and to send."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="notifications")

    @override
    def send(self, ids: Collection[str]) -> None:
        """Tell other bots that these jobs have changed, as soon as what was told before is sent."""
        self._waiting.update(dict.fromkeys(ids))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()  # the connection is lost: others look themselves
        self._wake.set()
        self.start()

    @override
    async def close(self) -> None:
        """Disconnect; what waits to be sent is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._engine.dispose()

    async def _run(self) -> None:
        first, longest = RETRY_SECONDS
        pause, said = first, False
        while True:
            try:
                await self._connected()
            except Exception as error:
                if self.connected.is_set():
                    pause, said = first, False
                self.connected.clear()
                if not said:
                    log.warning(
                        "changes that other bots make are seen a second later: "
                        "the connection for notifications of PostgreSQL failed",
                        reason=str(error) or type(error).__name__,
                    )
                    said = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def _connected(self) -> None:
        """Connect, listen and send until the connection is lost. Raises why it was."""
        raw = await self._engine.raw_connection()
        try:
            connection: Any = raw.driver_connection
            lost = asyncio.Event()

            def gone(_: object) -> None:
                lost.set()
                self._wake.set()

            connection.add_termination_listener(gone)
            own = connection.get_server_pid()  # one that is lost has none any more

            def received(_: object, sender: int, channel: str, payload: str) -> None:
                if sender != own:
                    self._heard(payload.split())

            await connection.add_listener(CHANNEL, received)
            self.connected.set()
            while not lost.is_set():
                await self._send(connection)
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1")
            raise ConnectionError("PostgreSQL has closed it")
        finally:
            raw.invalidate()

    async def _send(self, connection: Any) -> None:
        self._wake.clear()
        while self._waiting:
            some = list(self._waiting)[:_IDS]
            for id in some:
                del self._waiting[id]
            await connection.execute(_SEND, " ".join(some))
