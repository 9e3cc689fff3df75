"""Sends a message to one person: where they typed the command, or in a direct message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.fronts.errors import MessageDeleted, Unpostable
from bot.fronts.slack.web_api.calls import SlackApi
from bot.jobs import Place


async def send_ephemeral(
    api: SlackApi, place: Place, person: str, text: str, blocks: Sequence[dict[str, Any]] = ()
) -> None:
    """Show `text` (mrkdwn) only to `person`, drawn as `blocks` if there are any. Raises
    FrontError."""
    drawn = list(blocks) or None
    try:
        await api.change(
            "chat.postEphemeral",
            channel=place.channel,
            user=person,
            text=text,
            blocks=drawn,
            thread_ts=place.thread or None,
        )
    except (Unpostable, MessageDeleted):
        await api.change("chat.postMessage", channel=person, text=text, blocks=drawn)
