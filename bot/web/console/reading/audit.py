"""The audit log as a viewer may read it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dispatch.policy import is_private
from bot.jobs import AuditEntry
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import reader_of


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry of the audit log, with the place as people call it."""

    entry: AuditEntry
    where: str


@dataclass(frozen=True, slots=True)
class SeenEntries:
    """The entries that somebody may read; `left_out` counts the others."""

    entries: tuple[SeenEntry, ...]
    left_out: int


async def read_audit(
    parts: ConsoleParts,
    viewer: Viewer,
    *,
    limit: int = 200,
    person: str = "",
    environment: str = "",
) -> SeenEntries:
    """Return the latest entries, the newest first: all, or those of a person (by id) or of an
    environment. Raises DatabaseUnavailable."""
    reader = reader_of(parts.authorizer, viewer, "audit", parts.clock())
    found = await parts.store.audit.recent(
        limit, person=person or None, environment=environment or None
    )
    read = [one for one in found if await reader.may_read(parts.authorizer.audit_record(one))]
    return SeenEntries(tuple(SeenEntry(one, _where(one)) for one in read), reader.left_out)


def _where(entry: AuditEntry) -> str:
    place = entry.place
    kinds = {"privategroup": "private channel", "directmessage": "direct message"}
    if is_private(place):
        return f"{kinds.get(place.name, 'channel')} {place.channel}"
    return place.name or place.channel
