"""Knows the users of the workspace: user groups, time zone, and whether the account is active."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from baton.errors import BatonError
from bot.dispatch.people import Directory, Profile
from bot.fronts.errors import FrontError, Unpostable
from bot.fronts.slack.listeners.admission import WorkspaceUser, standing_of
from bot.fronts.slack.listeners.payloads import mapping_in, text_in
from bot.fronts.slack.tasks import BackgroundTasks
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.identity import BotIdentity
from bot.fronts.slack.web_api.lookup import CachedLookup

GROUPS_MAX_AGE = 60.0
"""Seconds that a list of groups is good for."""
GROUPS_MAX_STALE = 300.0
"""Seconds for which an older one is used while Slack does not give a newer."""
GROUPS_TIMEOUT = 0.9
"""Seconds to wait for Slack's list: whoever asks is to hear within 3."""
USER_MAX_AGE = 600.0
"""Seconds that what Slack says of somebody is good for."""
USER_MAX_STALE = 86_400.0
"""Seconds for which it is used while Slack does not say it anew."""
USER_TIMEOUT = 0.8
MAX_USERS = 10_000

_NOBODY = ("user_not_found", "user_not_visible", "users_not_found")
"""Slack's errors that are an answer: there is nobody of that id for us."""


class GroupsUnavailable(BatonError):
    """Cannot read the user groups from Slack ({reason}), so your permissions are not known.
    Nothing was done; try again in a moment."""


class UserUnavailable(BatonError):
    """Cannot read the user {person} from Slack: {reason}."""


class StandingUnavailable(BatonError):
    """Cannot find out from Slack whether you are a member of this workspace or a guest ({reason}),
    so your permissions are not known. Nothing was done; try again in a moment."""


@dataclass(frozen=True, slots=True)
class UserGroups:
    """The user groups of a workspace: their names (ids and handles) by member, and all names."""

    by_user: Mapping[str, frozenset[str]]
    names: frozenset[str]


class SlackDirectory(Directory):
    """The users of a workspace, and their user groups by id (`S012`) and by handle (`deployers`).

    Slack is asked in the background: a caller that gets no answer in time tries again later and
    finds it.
    """

    def __init__(
        self,
        api: SlackApi,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._clock = clock
        self._tasks = BackgroundTasks()
        self._groups = CachedLookup(self._list_groups, self._tasks, clock)
        self._members: OrderedDict[str, CachedLookup[WorkspaceUser]] = OrderedDict()
        self.us: BotIdentity | None = None
        """Who we are, once Slack has told: whoever is of another team is outside."""

    async def close(self) -> None:
        """Stop asking Slack."""
        await self._tasks.drain(0)

    @override
    async def groups_of(self, user: str) -> frozenset[str]:
        """Return ids and handles of the groups of `user`, at most GROUPS_MAX_AGE seconds old; if
        Slack is slow, at most GROUPS_MAX_STALE.

        Raises GroupsUnavailable if Slack does not answer.
        """
        return (await self._user_groups()).by_user.get(user, frozenset())

    async def groups(self) -> frozenset[str]:
        """Return ids and handles of all groups. Raises GroupsUnavailable."""
        return (await self._user_groups()).names

    async def _user_groups(self) -> UserGroups:
        try:
            return await self._groups.get(
                fresh=GROUPS_MAX_AGE, stale=GROUPS_MAX_STALE, patience=GROUPS_TIMEOUT
            )
        except FrontError as error:
            raise GroupsUnavailable(reason=str(error).rstrip(".")) from error
        except TimeoutError:
            raise GroupsUnavailable(reason=f"no answer within {GROUPS_TIMEOUT:g} s") from None

    async def user(self, user: str) -> WorkspaceUser:
        """Return the user, at most USER_MAX_AGE seconds old; if Slack is slow, at most
        USER_MAX_STALE.

        Raises StandingUnavailable if Slack does not answer.
        """
        try:
            return await self._looked_up(user)
        except UserUnavailable as error:
            raise StandingUnavailable(reason=error.facts["reason"]) from error

    @override
    async def profile(self, user: str) -> Profile:
        """Return the profile of the user. Raises UserUnavailable if Slack does not answer."""
        found = await self._looked_up(user)
        if found.stranger and not found.team:
            raise UserUnavailable(person=user, reason="Slack knows no user of that ID")
        who = standing_of((), found, self.us) if self.us else "member"
        return Profile(found.zone, found.gone, found.name, who)

    async def _looked_up(self, user: str) -> WorkspaceUser:
        lookup = self._members.get(user)
        if lookup is None:
            lookup = CachedLookup(lambda: self._ask_for(user), self._tasks, self._clock)
            self._members[user] = lookup
            while len(self._members) > MAX_USERS:
                self._members.popitem(last=False)
        self._members.move_to_end(user)
        try:
            return await lookup.get(fresh=USER_MAX_AGE, stale=USER_MAX_STALE, patience=USER_TIMEOUT)
        except FrontError as error:
            raise UserUnavailable(person=user, reason=str(error).rstrip(".")) from error
        except TimeoutError:
            reason = f"no answer within {USER_TIMEOUT:g} s"
            raise UserUnavailable(person=user, reason=reason) from None

    async def _ask_for(self, user: str) -> WorkspaceUser:
        try:
            answer = await self._api.read("users.info", user=user)
        except Unpostable as error:
            if error.facts.get("reason") not in _NOBODY:
                raise
            return WorkspaceUser(stranger=True)
        return user_in(mapping_in(_data(answer), "user"))

    async def _list_groups(self) -> UserGroups:
        answer = await self._api.read("usergroups.list", include_users=True)
        found = _data(answer).get("usergroups")
        return user_groups_in(found if isinstance(found, list) else ())


def user_in(user: Mapping[str, Any]) -> WorkspaceUser:
    """Parse a user object of Slack (docs.slack.dev/reference/objects/user-object)."""
    return WorkspaceUser(
        team=text_in(user, "team_id"),
        enterprise=text_in(mapping_in(user, "enterprise_user"), "enterprise_id"),
        name=text_in(user, "name"),
        zone=text_in(user, "tz"),
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        stranger=bool(user.get("is_stranger")),
        bot=bool(user.get("is_bot") or user.get("is_workflow_bot")),
        gone=bool(user.get("deleted")),
    )


def user_groups_in(listed: Iterable[object]) -> UserGroups:
    """Parse the groups that Slack lists; entries that are not a group are left out."""
    by_user: dict[str, set[str]] = {}
    every: set[str] = set()
    for group in listed:
        if not isinstance(group, Mapping):
            continue
        names = {text_in(group, "id"), text_in(group, "handle")} - {""}
        every |= names
        users = group.get("users")
        for user in users if isinstance(users, list) else ():
            by_user.setdefault(str(user), set()).update(names)
    return UserGroups({user: frozenset(names) for user, names in by_user.items()}, frozenset(every))


def _data(answer: object) -> Mapping[str, Any]:
    data = getattr(answer, "data", None)
    return data if isinstance(data, dict) else {}
