"""Remembers the names of people and channels. A mention names neither, a slash command both: what
was once said is known from then on. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from baton.bus.messages import Person
from bot.jobs import AuditEntry, Place

MAX_NAMES = 10_000
"""Names that are remembered, of people and of channels each."""
AUDIT_LOOKBACK = 5_000
"""Audit entries that are read for names at the start."""


class NameCache:
    """The last name of each person and channel."""

    def __init__(self, entries: Iterable[AuditEntry] = ()) -> None:
        self._people: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._channels: OrderedDict[tuple[str, str], str] = OrderedDict()
        for entry in entries:
            self.with_names(entry.person, entry.place)

    def with_names(self, person: Person, place: Place) -> tuple[Person, Place]:
        """Return `person` and `place` with the names that they have, or had when they were last
        named."""
        name = _known(self._people, (place.directory, person.id), person.name)
        channel = _known(self._channels, (place.front, place.channel), place.name)
        return (
            person if name == person.name else person.model_copy(update={"name": name}),
            place if channel == place.name else replace(place, name=channel),
        )


def _known(names: OrderedDict[tuple[str, str], str], key: tuple[str, str], name: str) -> str:
    name = name or names.get(key, "")
    if name:
        names[key] = name
        names.move_to_end(key)
        if len(names) > MAX_NAMES:
            names.popitem(last=False)
    return name
