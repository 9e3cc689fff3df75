"""Asks what people of the console want done, in the words that chat would take.

The key that a page or a program gives makes an ask happen once: a double click, or a request that
is sent again because its answer was lost, gets the reply to the first.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from urllib.parse import quote

from baton.bus.messages import new_id
from bot.dispatch.audit_log import MAX_WORDS, shortened
from bot.dispatch.plan import Plan
from bot.dispatch.protocol import Dispatcher
from bot.dispatch.reply import Reply, ReplyKind, started
from bot.store.database.column_types import storable
from bot.store.jobs.ledger import Ledger
from bot.web.console.access import Viewer
from bot.web.console.errors import (
    Conflict,
    ConsoleError,
    LimitReached,
    NotAllowed,
    NotDone,
    Unavailable,
    Unusable,
)


@dataclass(frozen=True, slots=True)
class _Running:
    """An ask whose reply is not here yet."""

    text: str
    reply: asyncio.Task[Reply]


class Asking:
    """Asks `dispatcher`; `ledger` knows what was started before."""

    def __init__(self, dispatcher: Dispatcher, ledger: Ledger) -> None:
        self._dispatcher = dispatcher
        self._ledger = ledger
        self._running: dict[str, _Running] = {}

    async def ask(self, viewer: Viewer, text: str, key: str = "") -> Reply:
        """Return the reply to `text`. `key` names this ask among those of the viewer: what it
        started is not started again. It is carried out though the viewer leaves meanwhile.

        Raises Conflict if other words came under that key, and DatabaseUnavailable if it cannot be
        known whether the key has started something.
        """
        if not key:
            return await self._carried_out(viewer, text, _key(viewer, new_id()))
        full = _key(viewer, key)
        running = self._running.get(full)
        if running is None:
            task = asyncio.create_task(self._once(viewer, text, full))
            running = self._running[full] = _Running(text, task)
            task.add_done_callback(lambda _: self._running.pop(full, None))
        elif running.text != text:
            raise _other_words(running.text)
        return await asyncio.shield(running.reply)

    async def plan(self, viewer: Viewer, text: str) -> Plan | Reply:
        """Return what `text` would reach, or why there is no plan of it."""
        return await self._dispatcher.plan(
            text, asker=viewer.person, groups=viewer.groups, place=viewer.place
        )

    async def _once(self, viewer: Viewer, text: str, key: str) -> Reply:
        begun = await self._dispatcher.started_by(key)
        if begun is None:
            return await self._carried_out(viewer, text, key)
        if begun.words != shortened(storable(text), MAX_WORDS):
            raise _other_words(begun.words)
        if await self._ledger.job_of_key(key) is not None:
            return started(begun.job)
        return Reply("This was done already, with the same key.", job=begun.job)

    async def _carried_out(self, viewer: Viewer, text: str, key: str) -> Reply:
        return await self._dispatcher.ask(
            text, asker=viewer.person, groups=viewer.groups, place=viewer.place, key=key
        )


def error_of(reply: Reply) -> ConsoleError | None:
    """Return what a page or the API answers for `reply`; None if it was done."""
    if reply.kind is ReplyKind.LIMITED:
        return LimitReached(detail=reply.text, seconds=max(1, math.ceil(reply.seconds)))
    if reply.kind is ReplyKind.UNUSABLE:
        return Unusable(detail=reply.text, field=reply.field)
    errors: dict[ReplyKind, type[ConsoleError]] = {
        ReplyKind.REFUSED: NotAllowed,
        ReplyKind.UNDECIDED: Unavailable,
        ReplyKind.CONFLICT: Conflict,
        ReplyKind.UNAVAILABLE: Unavailable,
        ReplyKind.FAILED: NotDone,
    }
    found = errors.get(reply.kind)
    return None if found is None else found(detail=reply.text)


def _key(viewer: Viewer, key: str) -> str:
    """Return the key of an ask, which nobody else can have given."""
    directory, person = viewer.place.directory, viewer.person.id
    return ":".join(["console", *(quote(part, safe="") for part in (directory, person, key))])


def _other_words(words: str) -> Conflict:
    return Conflict(
        detail=f"This Idempotency-Key was used for other words before: {words}. Nothing was done. "
        "Use a new key for each request."
    )
