"""The endpoints of Slack that say who somebody is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey


@cache
def slacks_key() -> RSAKey:
    """Slack's key; making one takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": "one"})


@dataclass
class Slack:
    """Slack's OpenID endpoints. It says of whoever comes with a good code what `claims` say."""

    key: RSAKey = field(default_factory=slacks_key)
    claims: dict[str, Any] = field(default_factory=dict)
    alg: str = "RS256"
    signed_with: RSAKey | None = None
    codes: set[str] = field(default_factory=lambda: {"good-code"})
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def token(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        self.forms.append(form)
        if form["code"][0] not in self.codes:
            return httpx.Response(200, json={"ok": False, "error": "invalid_code"})
        self.codes.discard(form["code"][0])
        id_token = jwt.encode(
            {"alg": self.alg, "kid": "one"}, self.claims, self.signed_with or self.key, [self.alg]
        )
        return httpx.Response(200, json={"ok": True, "access_token": "xoxp", "id_token": id_token})

    def keys(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))

    def vouch(self, nonce: str, **changes: Any) -> None:
        now = int(time.time())
        self.claims = {
            "iss": "https://slack.com",
            "aud": "1.2",
            "sub": "U_ANN",
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "https://slack.com/user_id": "U_ANN",
            "https://slack.com/team_id": "T_OURS",
            **changes,
        }
