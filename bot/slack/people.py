"""Who is in which user group, in which time zone, and still here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from baton.errors import BatonError
from bot.front import FrontError
from bot.people import Profile
from bot.slack.calls import Calls

FRESH = 60.0
"""Seconds that a list of groups is good for."""
PATIENCE = 1.2
"""Seconds to wait for Slack's list: whoever asks is to hear within 3."""
KNOWN = 600.0
"""Seconds that what Slack says of somebody is good for."""
PATIENCE_FOR_ONE = 0.8


class GroupsUnknown(BatonError):
    """Slack does not say who is in which user group ({reason}), so nobody can tell whether you may
    ask this. Nothing was done; ask again in a moment."""


class PersonUnknown(BatonError):
    """Slack does not say who {person} is: {reason}."""


class People:
    """The people of a workspace, and their user groups by id (`S012`) and by handle (`deployers`).
    Keeps bot.people.Directory."""

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._clock = clock
        self._groups: dict[str, frozenset[str]] = {}
        self._good_until = -1.0
        self._asking: asyncio.Lock = asyncio.Lock()
        self._profiles: dict[str, tuple[float, Profile]] = {}

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

    async def profile(self, user: str) -> Profile:
        """Who `user` is, at most KNOWN seconds old. Raises PersonUnknown if Slack does not tell."""
        until, known = self._profiles.get(user, (-1.0, Profile()))
        if self._clock() < until:
            return known
        try:
            async with asyncio.timeout(PATIENCE_FOR_ONE):
                answer = await self._calls.read("users.info", user=user)
        except FrontError as error:
            raise PersonUnknown(person=user, reason=str(error).rstrip(".")) from error
        except TimeoutError:
            reason = f"no answer within {PATIENCE_FOR_ONE} s"
            raise PersonUnknown(person=user, reason=reason) from None
        found = answer.get("user") or {}
        profile = Profile(str(found.get("tz") or ""), bool(found.get("deleted")))
        self._profiles[user] = (self._clock() + KNOWN, profile)
        return profile

    async def _looked_up(self) -> dict[str, frozenset[str]]:
        answer = await self._calls.read("usergroups.list", include_users=True)
        found: dict[str, set[str]] = {}
        for group in answer.get("usergroups") or []:
            for user in group.get("users") or []:
                found.setdefault(str(user), set()).update((group["id"], group["handle"]))
        return {user: frozenset(names) for user, names in found.items()}
