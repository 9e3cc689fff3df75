"""response_url: up to 5 answers to a command or a click, within 30 minutes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.chat import content
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.workspace import BOT_USER, TEAM, Ephemeral, Message

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

MOST_USES = 5
SECONDS = 30 * 60


class ResponseUrls:
    """The URLs carry what they are for; only those that were used are kept."""

    def __init__(self) -> None:
        self._count = 0
        self._uses: dict[str, int] = {}

    def new(self, origin: str, channel: str, user: str) -> str:
        """A URL for something that a person just did."""
        self._count += 1
        return f"{origin}/commands/{TEAM}/{channel}/{user}/{time.monotonic():.3f}/{self._count}"

    def respond(self, slack: SlackServer, path: str, args: Args) -> Json:
        """Show an answer; raises Refusal `used_url` or `expired_url`."""
        _, _, _, channel, user, born, _ = path.split("/")
        if time.monotonic() - float(born) > SECONDS:
            raise Refusal("expired_url")
        if self._uses.get(path, 0) >= MOST_USES:
            raise Refusal("used_url")
        self._uses[path] = self._uses.get(path, 0) + 1
        if not args.flag("delete_original"):
            answer(slack, channel, user, args)
        return {"ok": True}


def answer(slack: SlackServer, channel: str, user: str, args: Args) -> None:
    """Show an answer to a person's command: to them alone, or to the channel if it says so."""
    text, blocks = content(slack, args)
    stamp = slack.workspace.stamp()
    if args.get("response_type") == "in_channel":
        message = Message(stamp, channel, BOT_USER, text, blocks or [], bot=True)
        slack.workspace.show(message)
    else:
        slack.workspace.whisper(Ephemeral(channel, user, text, blocks or [], None, stamp))
