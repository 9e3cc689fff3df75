"""Tokens: which kind a method takes, which scope it needs, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from baton_slack_testing.errors import Refusal

APP_TOKEN_SCOPES = frozenset({"connections:write"})
KINDS = {
    "public_channel": "channels",
    "private_channel": "groups",
    "im": "im",
    "mpim": "mpim",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token that the workspace issued; `kind` is `bot` or `app`."""

    secret: str
    kind: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raises Refusal `missing_scope`, naming what is needed and what was granted."""
        if scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise Refusal("missing_scope", needed=scope, provided=provided)

    def require_for(self, channel_kind: str, action: str) -> None:
        """The scope depends on the channel: `channels:history`, `groups:history`, ..."""
        self.require(f"{KINDS[channel_kind]}:{action}")
