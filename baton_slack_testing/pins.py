"""pins.*: what a channel keeps in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.chat import by_id
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.methods import method
from baton_slack_testing.tokens import Token

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

MOST = 100


@method("pins.add", "channel", "timestamp", scope="pins:write", per_minute=20)
def add(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `pins.add`. Raises Refusal."""
    channel = by_id(slack, args["channel"])
    if not channel.has_bot or channel.archived:
        raise Refusal("no_permission")
    message = channel.message(str(args["timestamp"]))
    if message.pinned:
        raise Refusal("already_pinned")
    if len(channel.pinned) >= MOST:
        raise Refusal("not_pinnable")
    message.pinned = True
    slack.changes.notify()
    return {"ok": True}
