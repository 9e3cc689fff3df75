"""SessionAccess: a request comes from whoever its session or its token belongs to."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import override

from baton.bus.messages import Person
from bot.dispatch.authorizer import Authorizer
from bot.dispatch.people import Directories, Profile
from bot.jobs import console_place
from bot.store.sign_ins.sign_in import SignIn, SignInOwner
from bot.store.sign_ins.sign_in_store import SESSION_LIFE, SignInStore
from bot.web.console.access import ASK, READ, Access, Viewer
from bot.web.console.errors import NotAllowed, SignInNeeded, Unavailable
from bot.web.console.sign_in.requests import SAFE_METHODS, bearer_token, from_another_page

COOKIE = "baton-session"
SECURE_PREFIX = "__Host-"
"""A browser takes a cookie of such a name only over https, from this very host, for all of it."""
RETRY_PROFILE = 30.0
"""Seconds for which nobody asks again who somebody is, after their chat did not tell."""
MAX_UNKNOWN = 1_000
"""People who are remembered because their chat did not tell who they are."""

_SIGN_IN = "In Slack, type /baton console."
_NEW_TOKEN = "In Slack, type /baton token new NAME."
_UNKNOWN = Profile()


class Cookies:
    """The cookies of the console at `url`: no script can read them, and no other site's page sends
    them with what it asks. Over https they are never sent without it."""

    def __init__(self, url: str) -> None:
        self._secure = url.startswith("https://")

    def get(self, request: Request, name: str) -> str:
        """Return the value of a cookie; empty if there is none."""
        return request.cookies.get(self._named(name), "")

    def set(self, answer: Response, name: str, value: str, seconds: float) -> None:
        """Have `answer` set a cookie for so many seconds."""
        answer.set_cookie(
            self._named(name),
            value,
            max_age=int(seconds),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def drop(self, answer: Response, name: str) -> None:
        """Have `answer` remove a cookie."""
        self.set(answer, name, "", 0)

    def _named(self, name: str) -> str:
        return SECURE_PREFIX + name if self._secure else name


class SessionAccess(Access):
    """Access for people who have signed in, and for programs that have a token.

    Who somebody is, whether they are still there and which groups they are in is looked up in their
    chat; while that does not tell, they are who they were when they signed in.
    """

    def __init__(
        self,
        sign_ins: SignInStore,
        people: Directories,
        authorizer: Authorizer,
        url: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sign_ins = sign_ins
        self.cookies = Cookies(url)
        self.url = url
        self._people = people
        self._authorizer = authorizer
        self._clock = clock
        self._unknown: OrderedDict[tuple[str, str], float] = OrderedDict()

    @override
    async def viewer(self, request: Request, *, only_reads: bool = False) -> Viewer:
        """Return who sent `request`."""
        token = bearer_token(request)
        if token is not None:
            sign_in = await self.sign_ins.find(token)
            if sign_in is None or sign_in.kind != "token":
                raise SignInNeeded(how=f"This token is unknown or has expired. {_NEW_TOKEN}")
        else:
            self.refuse_another_page(request)
            sign_in = await self.session(request)
            if sign_in is None:
                raise SignInNeeded(how=_SIGN_IN)
        asks = request.method not in SAFE_METHODS and not only_reads
        if asks and sign_in.scope == "read":
            how = "Make one that may: /baton token new NAME --scope ask."
            raise NotAllowed(detail=f"The token {sign_in.name} may only read. {how}")
        owner = sign_in.owner
        return Viewer(
            await self.admitted(owner),
            self._people.groups_of(owner.directory, owner.person.id),
            console_place(owner.directory),
            sign_in.id,
            frozenset({READ}) if sign_in.scope == "read" else frozenset({READ, ASK}),
        )

    async def session(self, request: Request) -> SignIn | None:
        """Return the session that the cookie of `request` belongs to, if that is good."""
        found = await self.sign_ins.find(self.cookies.get(request, COOKIE))
        return found if found is not None and found.kind == "session" else None

    def start(self, answer: Response, secret: str) -> None:
        """Have the browser that gets `answer` send `secret` from now on."""
        self.cookies.set(answer, COOKIE, secret, SESSION_LIFE.total_seconds())

    def refuse_another_page(self, request: Request) -> None:
        """Raise NotAllowed if a page that is not ours may have sent `request`."""
        if from_another_page(request, self.url):
            where = f"Open the console at {self.url}." if self.url else ""
            raise NotAllowed(
                detail=f"Another web page sent this request. Nothing was done. {where}".rstrip()
            )

    async def admitted(self, owner: SignInOwner, *, known: bool = True) -> Person:
        """Return who `owner` is now. Raises NotAllowed if they may not come in any more, and
        Unavailable if their chat does not tell who they are and they were not `known` before."""
        person, key = owner.person, (owner.directory, owner.person.id)
        profile = _UNKNOWN
        if self._clock() >= self._unknown.get(key, float("-inf")):
            profile = await self._people.profile(*key, unknown=_UNKNOWN)
            self._remember(key, known=profile is not _UNKNOWN)
        if profile is not _UNKNOWN:
            if profile.deactivated:
                raise NotAllowed(detail=f"The account of {person.label} is deactivated.")
            name = profile.name or person.name
            person = Person(id=person.id, name=name, standing=profile.standing)
        elif not known:
            raise Unavailable(detail=f"It cannot be looked up who you are in {owner.directory}.")
        stranger = self._authorizer.policy.stranger(person)
        if stranger is not None:
            raise NotAllowed(detail=stranger.text)
        return person

    def _remember(self, key: tuple[str, str], *, known: bool) -> None:
        if known:
            self._unknown.pop(key, None)
            return
        self._unknown[key] = self._clock() + RETRY_PROFILE
        if len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)
