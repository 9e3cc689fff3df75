"""Translates Slack's error codes to errors that say what a caller can do. Pure.

docs.slack.dev/reference/methods/chat.postMessage#errors and the same section of other methods
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from baton.timing.backoff import delay
from bot.fronts.errors import (
    FrontError,
    MessageDeleted,
    Throttled,
    Uncertain,
    Unpostable,
    Unreachable,
)

NAME = "Slack"
DEFAULT_WAIT = 5.0
"""Seconds to wait after a 429 that does not say how long."""
LEAST_WAIT, MOST_BACKOFF = 1.0, 30.0
"""Seconds to wait at the least, whatever Slack names; doubled while it names less again."""
MAX_WAIT = 3600.0

_GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
_PERHAPS_DONE = {"internal_error", "fatal_error", "service_unavailable", "team_added_to_org"}
_NOT_DONE = {"request_timeout", "accesslimited"}
_NOT_LET_IN = {
    "invalid_auth": "the token is unknown",
    "not_authed": "no token was sent",
    "token_revoked": "the token was revoked",
    "token_expired": "the token expired",
    "account_inactive": "the app was removed from the workspace",
    "not_allowed_token_type": "this is the wrong kind of token",
    "org_login_required": "the workspace is being moved",
}
_BLOCKS = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}
_REMEDIES = {
    "channel_not_found": (
        "the bot does not see this channel",
        "Type `/invite @baton` in the channel, or use a channel where the bot is a member.",
    ),
    "not_in_channel": ("the bot is not in this channel", "Type `/invite @baton` in the channel."),
    "is_archived": ("the channel is archived", "Use another channel."),
    "restricted_action": (
        "the workspace does not let the bot post here",
        "A workspace admin can change who may post in the channel.",
    ),
    "restricted_action_read_only_channel": (
        "the channel is read-only",
        "Use another channel, or let the bot post in this one.",
    ),
    "restricted_action_thread_only_channel": (
        "only posts in threads are allowed in this channel",
        "Use another channel.",
    ),
    "no_permission": (
        "the bot is not allowed to do this here",
        "Type `/invite @baton` in the channel, or let its members pin messages.",
    ),
    "user_not_in_channel": ("the person is not in the channel", "Join the channel."),
}


class BadBlocks(Unpostable):
    """{front} rejects these blocks: {reason}. {remedy}"""


class PinnedAlready(Unpostable):
    """{front} already pinned this message."""


class ThreadGone(Unpostable):
    """{front} cannot show this: the message that it belongs under was deleted. {remedy}"""


def explained(
    method: str,
    status: int,
    answer: Mapping[str, Any],
    retry_after: str | None = None,
    before: int = 0,
) -> FrontError:
    """Return the error for a response that was not `ok`. `retry_after` is the header of that
    name; `before` is how often Slack limited this method just before."""
    code = str(answer.get("error") or "")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Throttled(NAME, _seconds(retry_after, before))
    if code in _GONE:
        return MessageDeleted(front=NAME, reason=code)
    if code == "thread_not_found":
        return ThreadGone(front=NAME, reason=code, remedy="")
    if code == "already_pinned":
        return PinnedAlready(front=NAME)
    if code in _NOT_DONE:
        return Unreachable(front=NAME, reason=code)
    if code in _NOT_LET_IN:
        return Unreachable(front=NAME, reason=f"{_NOT_LET_IN[code]} ({code} for {method})")
    if code in _PERHAPS_DONE or status >= 500 or not code:
        return Uncertain(front=NAME, reason=code or f"HTTP {status}")
    if code == "missing_scope":
        needed = answer.get("needed", "?")
        remedy = f"Add the scope {needed} from manifest.yml to the app and install it again."
        return Unpostable(front=NAME, reason=f"{method} needs {needed}", remedy=remedy)
    if code in _BLOCKS:
        return BadBlocks(front=NAME, reason=f"{code} {_detail(answer)}".strip(), remedy="")
    reason, remedy = _REMEDIES.get(code, (code, ""))
    return Unpostable(front=NAME, reason=reason, remedy=remedy)


def _seconds(retry_after: str | None, before: int) -> float:
    """A wait that is no wait would be a loop that does nothing else."""
    try:
        named = float(retry_after or DEFAULT_WAIT)
    except ValueError:
        named = DEFAULT_WAIT
    if math.isnan(named):
        named = DEFAULT_WAIT
    if named < LEAST_WAIT:
        named = delay(before + 1, LEAST_WAIT, MOST_BACKOFF)
    return min(named, MAX_WAIT)


def _detail(answer: Mapping[str, Any]) -> str:
    messages = (answer.get("response_metadata") or {}).get("messages") or answer.get("errors") or []
    return "; ".join(str(message) for message in messages[:3])
