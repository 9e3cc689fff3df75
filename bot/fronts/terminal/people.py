"""Whoever sits at the terminal: in the machine's time zone, in no group, and here."""

from __future__ import annotations

from tzlocal import get_localzone_name

from bot.dispatch.people import Profile


class TerminalDirectory:
    """The one person at a terminal. Keeps bot.dispatch.people.Directory."""

    async def groups_of(self, user: str) -> frozenset[str]:
        """A terminal has no groups."""
        return frozenset()

    async def profile(self, user: str) -> Profile:
        """They go by the clock of the machine."""
        return Profile(get_localzone_name() or "")
