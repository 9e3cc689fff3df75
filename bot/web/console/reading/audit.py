"""The audit log as a viewer may read it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dispatch.authorizer import Reader
from bot.dispatch.policy import place_label
from bot.jobs import AuditEntry
from bot.store.jobs.audit_entries import AuditFilter
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import note_of, reader_of

MAX_LOOKED_AT = 1_000
"""Entries that are looked through for a page of those that somebody may read."""


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry of the audit log, with the place as people call it."""

    entry: AuditEntry
    where: str


@dataclass(frozen=True, slots=True)
class SeenEntries:
    """The entries that somebody may read; `left_out` counts the others, `note` says so.
    `next` is the number of the last one that was looked at, if older ones may follow."""

    entries: tuple[SeenEntry, ...]
    left_out: int
    note: str
    next: int | None = None


async def read_audit(
    parts: ConsoleParts,
    viewer: Viewer,
    wanted: AuditFilter,
    *,
    limit: int,
    before: int | None = None,
) -> SeenEntries:
    """Return at most `limit` of the latest entries that are `wanted`, the newest first: of those
    that are older than the number `before`, if that is given. Raises DatabaseUnavailable."""
    reader = reader_of(parts.authorizer, viewer, "audit", parts.clock())
    read: list[SeenEntry] = []
    looked_at = 0
    while True:
        found = await parts.store.audit.page(wanted, limit, before)
        for number, entry in found:
            before, looked_at = number, looked_at + 1
            if await reader.may_read(parts.authorizer.audit_record(entry)):
                read.append(SeenEntry(entry, place_label(entry.place)))
            if len(read) == limit or looked_at == MAX_LOOKED_AT:
                return _seen(read, reader, before)
        if len(found) < limit:
            return _seen(read, reader)


def _seen(read: list[SeenEntry], reader: Reader, next: int | None = None) -> SeenEntries:
    return SeenEntries(tuple(read), reader.left_out, note_of(reader, "request"), next)
