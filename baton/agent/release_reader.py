"""What is live on this server, read beside everything else that the agent does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from baton.bus.facts import ReleaseFacts
from baton.consumer import Consumer

log = structlog.get_logger(__name__)

TIMEOUT = 2.0
"""Seconds that a heartbeat waits for it: a disk that hangs must not make this server look down."""


class ReleaseReader:
    """Reads what is live by `consumers`. While that takes too long, it is as it was before."""

    def __init__(self, consumers: Sequence[Consumer[Any]]) -> None:
        self._consumers = consumers
        self._known: Mapping[str, ReleaseFacts] = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self) -> Mapping[str, ReleaseFacts]:
        """Return it."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="releases")
        await asyncio.wait({self._reading}, timeout=TIMEOUT)
        if self._reading.done():
            self._reading = None
        return self._known

    async def _read(self) -> None:
        try:
            self._known = await asyncio.to_thread(self._all)
        except Exception:  # of an extension: the heartbeat goes without it
            log.exception("what is live on this server cannot be read")

    def _all(self) -> Mapping[str, ReleaseFacts]:
        return {app: live for one in self._consumers for app, live in one.releases().items()}
