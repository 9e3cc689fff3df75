"""Directories: what the bot needs to know of the people of each chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import structlog

from baton.bus.messages import Standing
from baton.errors import BatonError
from baton.timing.calendar import UnknownZone, canonical
from bot.dispatch.protocol import GroupLookup

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Profile:
    """A chat user's profile. `zone` is the name of their time zone, empty if it is not known;
    `deactivated` says that they left the chat for good; `standing` who they are to us."""

    zone: str = ""
    deactivated: bool = False
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
        """Return the user groups that they are in, by id and by handle."""

    async def profile(self, user: str) -> Profile:
        """Return who they are."""


UNKNOWN_PROFILE = Profile()


class Directories:
    """The directory of each front end that has one."""

    def __init__(self) -> None:
        self._by_front: dict[str, Directory] = {}

    def add(self, front: str, directory: Directory) -> None:
        """Ask `directory` about the people of the front end called `front`."""
        self._by_front[front] = directory

    def groups_of(self, front: str, person: str) -> GroupLookup:
        """Return what looks up the user groups of `person`: none, where nobody knows the people."""
        directory = self._by_front.get(front)

        async def look_up() -> frozenset[str]:
            return await directory.groups_of(person) if directory else frozenset()

        return look_up

    async def profile(self, front: str, person: str, unknown: Profile = UNKNOWN_PROFILE) -> Profile:
        """Return who `person` is, as far as their chat tells; `unknown` if it does not."""
        directory = self._by_front.get(front)
        if directory is None:
            return unknown
        try:
            return await directory.profile(person)
        except BatonError as error:
            log.warning("a person could not be looked up", person=person, reason=str(error))
            return unknown
