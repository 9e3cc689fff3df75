"""Signing in with Slack: OpenID Connect, the authorization code flow.

docs.slack.dev/authentication/sign-in-with-slack, openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.web.console.errors import NotAllowed, Unavailable

log = structlog.get_logger(__name__)

ISSUER = "https://slack.com"
AUTHORIZE = f"{ISSUER}/openid/connect/authorize"
TOKEN = f"{ISSUER}/api/openid.connect.token"
KEYS = f"{ISSUER}/openid/connect/keys"
TEAM = f"{ISSUER}/team_id"
USER = f"{ISSUER}/user_id"
CALLBACK = "/sign-in/slack/callback"
TIMEOUT = 10.0
"""Seconds in which Slack must answer."""
LEEWAY = 60
"""Seconds by which our clock and Slack's may differ."""


@dataclass(frozen=True, slots=True)
class OpenIdAttempt:
    """An attempt to sign in with Slack: two numbers by chance that only this browser and Slack
    have. `state` shows that the answer is one to this browser, `nonce` that the ID token is."""

    state: str
    nonce: str

    @classmethod
    def new(cls) -> OpenIdAttempt:
        """Begin an attempt."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24))

    @classmethod
    def parse(cls, text: str) -> OpenIdAttempt | None:
        """Return the attempt that was written as `text`, if it is one."""
        state, _, nonce = text.partition(".")
        return cls(state, nonce) if state and nonce else None

    def __str__(self) -> str:
        return f"{self.state}.{self.nonce}"


@cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates that are trusted. To read them stops the bot for 40 ms."""
    return httpx.create_ssl_context()


class SlackOpenId:
    """Asks Slack who somebody is. `url` is the address of the console, with https; `team` tells the
    id of our workspace, empty until Slack has told it."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        url: str,
        team: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._callback = url + CALLBACK
        self._team = team
        self._clock = clock

    def address(self, attempt: OpenIdAttempt) -> str:
        """Return the page of Slack that asks the person. Raises Unavailable."""
        values = {
            "response_type": "code",
            "scope": "openid profile",
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "team": self._our_team(),
        }
        return f"{AUTHORIZE}?{urlencode(values)}"

    async def user(self, attempt: OpenIdAttempt, state: str, code: str) -> str:
        """Return the id of the person whom Slack sent back to us with `state` and `code`.

        Raises NotAllowed if it is nobody of our workspace or nobody of this attempt, Unavailable if
        Slack does not tell.
        """
        if not secrets.compare_digest(attempt.state.encode(), state.encode()):
            raise NotAllowed(detail="This sign-in was begun in another browser. Begin again.")
        team = self._our_team()
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, verify=_certificates()) as http:
                token = await self._id_token(http, code)
                keys = KeySet.import_key_set((await http.get(KEYS)).raise_for_status().json())
        except (httpx.HTTPError, JoseError, ValueError, TypeError, KeyError) as error:
            # not the error itself, which may name the code
            log.warning("slack openid cannot be used", reason=type(error).__name__)
            detail = "Slack does not tell who you are. Try again, or type /baton console in Slack."
            raise Unavailable(detail=detail) from None
        claims = self._claims(token, keys, attempt.nonce)
        if claims.get(TEAM) != team:
            detail = "You signed in to another workspace of Slack than the one that Baton is in."
            raise NotAllowed(detail=detail)
        return str(claims[USER])

    async def _id_token(self, http: httpx.AsyncClient, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "redirect_uri": self._callback,
            "code": code,
        }
        answer = (await http.post(TOKEN, data=form)).raise_for_status().json()
        if not isinstance(answer, dict):
            raise TypeError("not a JSON object")
        if answer.get("ok") is not True:
            reason = str(answer.get("error", "no reason"))[:100]
            log.warning("slack refused a sign-in", reason=reason)
            raise NotAllowed(detail=f"Slack did not sign you in ({reason}). Begin again.")
        return str(answer["id_token"])

    def _claims(self, token: str, keys: KeySet, nonce: str) -> Mapping[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
            registry.validate(claims)
            if not isinstance(claims.get(USER), str):
                raise ValueError("no user")
        except (JoseError, ValueError) as error:
            log.warning("slack's id token is not valid", reason=type(error).__name__)
            detail = "What Slack said about you is not valid. Begin again."
            raise NotAllowed(detail=detail) from None
        return claims

    def _our_team(self) -> str:
        team = self._team()
        if not team:
            detail = "The bot has not reached Slack yet. Try again in a moment."
            raise Unavailable(detail=detail)
        return team
