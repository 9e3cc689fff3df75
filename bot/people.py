"""The protocol of directories: what the bot needs to know of the people of a chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from baton.messages import Standing
from baton.text.calendar import UnknownZone, canonical


@dataclass(frozen=True, slots=True)
class Profile:
    """Somebody. `zone` is the name of their time zone, empty if it is not known; `gone`: they are
    no longer there; `standing`: who they are to us."""

    zone: str = ""
    gone: bool = False
    name: str = ""
    standing: Standing = "member"

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", _known(self.zone))


def _known(zone: str) -> str:
    if zone in ("Etc/UTC", "Etc/UCT", "Etc/GMT"):
        return "UTC"
    try:
        return canonical(zone)
    except UnknownZone:
        return ""


class Directory(Protocol):
    """The people of one chat, by id. Both methods raise BatonError if it does not tell."""

    async def groups_of(self, user: str) -> frozenset[str]:
        """The user groups that they are in, by id and by handle."""

    async def profile(self, user: str) -> Profile:
        """Who they are."""
