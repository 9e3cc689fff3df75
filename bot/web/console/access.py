"""Access says who asks: the person of a request, and with whose groups they are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from typing_extensions import override

from baton.bus.messages import Person
from bot.dispatch.console_address import ConsoleAddress
from bot.dispatch.protocol import GroupLookup
from bot.jobs import Place, console_place
from bot.web.console.errors import NotAllowed

READ = "read"
ASK = "ask"
"""What somebody may do in the console: a token may be for reading only."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who reads or asks in the console. `groups` looks up their user groups; `place` is
    where they ask; `session` identifies the session or token that they use, and `scopes` says what
    it is for."""

    person: Person
    groups: GroupLookup
    place: Place
    session: str
    scopes: frozenset[str] = frozenset({READ, ASK})


class Access(Protocol):
    """Knows who sent a request."""

    async def viewer(self, request: Request, *, only_reads: bool = False) -> Viewer:
        """Return who sent `request`. What is no GET needs the right to ask, unless it `only_reads`.

        Raises SignInNeeded if nobody is known to have sent it, NotAllowed if a page of somebody
        else's may have, or if they may only read, and DatabaseUnavailable.
        """


async def _no_groups() -> frozenset[str]:
    return frozenset()


class LocalAccess(Access):
    """Access for the one person at this machine, on loopback, without sign-in.

    Every web page that this person has open can send requests to loopback, under a name of its own
    (DNS rebinding) or from its own origin. So both the host that a request names and its origin
    must be one of `urls`. They must be on loopback: nobody else is to be this person.
    """

    def __init__(self, person: Person, directory: str, urls: Sequence[str]) -> None:
        assert all(ConsoleAddress(url).local for url in urls)
        self._viewer = Viewer(person, _no_groups, console_place(directory), "local")
        self._hosts = {urlsplit(url).netloc for url in urls}
        self._origins = set(urls)

    @override
    async def viewer(self, request: Request, *, only_reads: bool = False) -> Viewer:
        """Return the person at this machine."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if host not in self._hosts or (origin is not None and origin not in self._origins):
            known = " or ".join(sorted(self._origins))
            raise NotAllowed(detail=f"This console is open only at {known}. Open that address.")
        site = request.headers.get("sec-fetch-site", "none")
        if request.method not in ("GET", "HEAD") and site not in ("same-origin", "none"):
            raise NotAllowed(detail="Another web page sent this request. Nothing was done.")
        return self._viewer
