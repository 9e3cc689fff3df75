"""The pages on which people sign in and out, and see where they are signed in."""

from __future__ import annotations

from urllib.parse import quote, unquote

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from baton.bus.messages import Person, new_id
from bot.dispatch.context import Invocation
from bot.jobs import console_place
from bot.store.sign_ins.sign_in import SignIn, SignInOwner
from bot.web.console.errors import NotAllowed, NotFound
from bot.web.console.pages.rendering import Renderer
from bot.web.console.parts import ConsoleParts
from bot.web.console.sign_in.attempts import SignInAttempts
from bot.web.console.sign_in.passkeys import site_of, user_handle
from bot.web.console.sign_in.requests import browser_of, safe_next
from bot.web.console.sign_in.session_access import COOKIE, SessionAccess
from bot.web.console.sign_in.slack_openid import CALLBACK, OpenIdAttempt

log = structlog.get_logger(__name__)

NEXT = "baton-next"
OPENID = "baton-openid"
NEXT_SECONDS = 600.0
"""Seconds for which it is known where somebody wanted to go before they signed in."""
SLACK = "slack"
"""The front end whose people Slack's OpenID vouches for."""


class LinkOver(NotFound):
    """This link has been used, or its 60 seconds are over. Type /baton console in Slack for a new
    one."""

    status = 410
    title = "This link is over"


class SignInPages:
    """The pages, for whom `access` knows. `parts.openid` may let people sign in with Slack, too."""

    def __init__(self, access: SessionAccess, parts: ConsoleParts, renderer: Renderer) -> None:
        self._access = access
        self._sign_ins = access.sign_ins
        self._cookies = access.cookies
        self._audit = parts.audit
        self._clock = parts.clock
        self._renderer = renderer
        self._openid = parts.openid
        self._attempts = SignInAttempts()
        self._passkeys = parts.store.passkeys
        self._site = site_of(parts.url)

    def routes(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        both = ["GET", "HEAD"]
        routes.add_api_route("/sign-in", self.how, methods=both)
        if self._openid is not None:
            routes.add_api_route("/sign-in/slack", self.to_slack, methods=["GET"])
            routes.add_api_route(CALLBACK, self.from_slack, methods=["GET"])
        routes.add_api_route("/sign-in/{link}", self.confirm, methods=both)
        routes.add_api_route("/sign-in/{link}", self.redeem, methods=["POST"])
        routes.add_api_route("/sign-out", self.sign_out, methods=["POST"])
        routes.add_api_route("/sessions", self.sessions, methods=both)
        routes.add_api_route("/sessions/{id}/revoke", self.revoke, methods=["POST"])
        return routes

    async def how(self, request: Request) -> Response:
        """Say how to sign in; whoever is signed in goes on."""
        to = safe_next(request.query_params.get("next", "/"))
        if await self._access.session(request) is not None:
            return _to(to)
        page = await self._renderer.page(
            request, "sign_in.html", None, title="Sign in", slack=self._openid is not None
        )
        self._cookies.set(page, NEXT, quote(to), NEXT_SECONDS)
        return page

    async def confirm(self, request: Request, link: str) -> Response:
        """Show a page with a button. Programs that look at links in messages use up nothing."""
        self._attempts.take(request)
        owner = await self._sign_ins.link_owner(link)
        if owner is None:
            raise LinkOver
        return await self._renderer.page(
            request,
            "sign_in_link.html",
            None,
            title="Sign in",
            person=owner.person,
            address=request.url.path,
        )

    async def redeem(self, request: Request, link: str) -> Response:
        """Use up the link and sign its owner in."""
        self._attempts.take(request)
        self._access.refuse_another_page(request)
        owner = await self._sign_ins.link_owner(link)
        if owner is None:
            raise LinkOver
        person = await self._access.admitted(owner)
        found = await self._sign_ins.redeem(link, browser_of(request))
        if found is None:
            raise LinkOver
        return await self._started(request, person, found, "link")

    async def to_slack(self, request: Request) -> Response:
        """Go to Slack. A link leads here and not a form: browsers follow no form to another site
        that our content security policy does not name."""
        assert self._openid is not None
        attempt = OpenIdAttempt.new()
        answer = _to(self._openid.address(attempt))
        self._cookies.set(answer, OPENID, str(attempt), NEXT_SECONDS)
        return answer

    async def from_slack(self, request: Request) -> Response:
        """Sign in whom Slack vouches for."""
        assert self._openid is not None
        self._attempts.take(request)
        query = request.query_params
        if problem := query.get("error"):
            detail = f"Slack did not sign you in ({problem[:100]})."
            raise NotAllowed(detail=detail)
        attempt = OpenIdAttempt.parse(self._cookies.get(request, OPENID))
        if attempt is None:
            raise NotAllowed(detail="This sign-in took too long, or cookies are off. Begin again.")
        user = await self._openid.user(attempt, query.get("state", ""), query.get("code", ""))
        person = await self._access.admitted(SignInOwner(Person(id=user), SLACK), known=False)
        session = await self._sign_ins.new_session(SignInOwner(person, SLACK), browser_of(request))
        answer = await self._started(request, person, session, "Slack")
        self._cookies.drop(answer, OPENID)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End this browser's session."""
        self._access.refuse_another_page(request)
        await self._end(await self._access.session(request))
        answer = _to("/sign-in")
        self._cookies.drop(answer, COOKIE)
        return answer

    async def sessions(self, request: Request) -> Response:
        """Show where one is signed in, and one's tokens."""
        viewer = await self._access.viewer(request)
        directory, person = viewer.place.directory, viewer.person
        found = await self._sign_ins.of_person(directory, person.id)
        return await self._renderer.page(
            request,
            "sessions.html",
            viewer,
            title="Sessions and tokens",
            sessions=[one for one in found if one.kind == "session"],
            tokens=[one for one in found if one.kind == "token"],
            passkeys=await self._passkeys.of_person(directory, person.id),
            passkey_site=self._site,
            passkey_user=user_handle(directory, person.id),
        )

    async def revoke(self, request: Request, id: str) -> Response:
        """End one of one's sessions or tokens."""
        viewer = await self._access.viewer(request)
        ended = await self._sign_ins.revoke(viewer.place.directory, viewer.person.id, id)
        if ended is not None:
            log.info("revoked", kind=ended.kind, id=ended.id, person=viewer.person.id)
        if id != viewer.session:
            return _to("/sessions")
        answer = _to("/sign-in")
        self._cookies.drop(answer, COOKIE)
        return answer

    async def _started(
        self, request: Request, person: Person, found: tuple[str, SignIn], by: str
    ) -> Response:
        secret, session = found
        await self._end(await self._access.session(request))  # of whoever was here before
        place = console_place(session.owner.directory)
        asked = Invocation(f"sign in by {by}", person, place, f"sign-in/{new_id()}", self._clock())
        await self._audit.write_or_log(asked, "allowed")
        log.info("signed in", person=person.id, session=session.id, by=by)
        answer = _to(safe_next(unquote(self._cookies.get(request, NEXT))))
        self._access.start(answer, secret)
        self._cookies.drop(answer, NEXT)
        return answer

    async def _end(self, session: SignIn | None) -> None:
        if session is not None:
            owner = session.owner
            await self._sign_ins.revoke(owner.directory, owner.person.id, session.id)


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)
