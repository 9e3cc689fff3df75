"""Looking: what an agent can look at for whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from baton.messages import Look
from baton.outcome import named
from baton.probing import Found
from baton.settings import CheckTable
from commands.probes.checks import checked
from commands.probes.reaching import Reaching


class Looking:
    """Looks from this machine, with the checks of its settings. Keeps baton.probing.Looker."""

    def __init__(self, checks: Mapping[str, CheckTable]) -> None:
        self._checks = checks
        self._reaching = Reaching()

    @property
    def checks(self) -> Iterable[str]:
        """Keeps Looker.checks."""
        return self._checks

    async def look(self, look: Look) -> Found:
        """Keeps Looker.look."""
        if look.check:
            check = self._checks.get(look.check)
            if check is None:
                return Found(True, unknown(look.check, self._checks))
            return await checked(check, look.timeout)
        if look.url or look.tcp:
            wrong = await self._reaching.wrong(look)
            return Found(bool(wrong), wrong)
        return Found(True, "this agent cannot look at that: is it older than the bot?")

    async def close(self) -> None:
        """Keeps Looker.close."""
        await self._reaching.close()


def unknown(check: str, known: Iterable[str]) -> str:
    """That an agent does not know `check`, and what it knows."""
    names = sorted(known)
    there = f"it knows {named(names)}" if names else "it knows none"
    return f"its agent knows no check {check}: {there} ([checks.{check}] in its settings)"
