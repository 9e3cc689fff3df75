"""Who is in which user group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from baton.errors import BatonError
from bot.front import FrontError
from bot.slack.calls import Calls

FRESH = 60.0
"""Seconds that a list of groups is good for."""
PATIENCE = 1.2
"""Seconds to wait for Slack's list: whoever asks is to hear within 3."""


class GroupsUnknown(BatonError):
    """Slack does not say who is in which user group ({reason}), so nobody can tell whether you may
    ask this. Nothing was done; ask again in a moment."""


class People:
    """The user groups of people, by id (`S012`) and by handle (`deployers`)."""

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._clock = clock
        self._groups: dict[str, frozenset[str]] = {}
        self._good_until = -1.0
        self._asking: asyncio.Lock = asyncio.Lock()

    async def groups_of(self, user: str) -> frozenset[str]:
        """Ids and handles of the groups that `user` is in, at most FRESH seconds old.

        Raises GroupsUnknown if Slack does not tell.
        """
        try:
            async with asyncio.timeout(PATIENCE), self._asking:
                if self._clock() >= self._good_until:
                    self._groups = await self._looked_up()
                    self._good_until = self._clock() + FRESH
        except FrontError as error:
            raise GroupsUnknown(reason=str(error).rstrip(".")) from error
        except TimeoutError:
            raise GroupsUnknown(reason=f"no answer within {PATIENCE} s") from None
        return self._groups.get(user, frozenset())

    async def _looked_up(self) -> dict[str, frozenset[str]]:
        answer = await self._calls.read("usergroups.list", include_users=True)
        found: dict[str, set[str]] = {}
        for group in answer.get("usergroups") or []:
            for user in group.get("users") or []:
                found.setdefault(str(user), set()).update((group["id"], group["handle"]))
        return {user: frozenset(names) for user, names in found.items()}
