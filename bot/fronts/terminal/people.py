"""The directory of a terminal: one person, in the machine's time zone, in no group."""

from __future__ import annotations

from typing_extensions import override
from tzlocal import get_localzone_name

from bot.dispatch.people import Directory, Profile


class TerminalDirectory(Directory):
    """Knows the one person at the terminal."""

    @override
    async def groups_of(self, user: str) -> frozenset[str]:
        """Return no groups: a terminal has none."""
        return frozenset()

    @override
    async def profile(self, user: str) -> Profile:
        """Return a profile with the time zone of the machine."""
        return Profile(get_localzone_name() or "")
