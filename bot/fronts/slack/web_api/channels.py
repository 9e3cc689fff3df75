"""Checks that the bot can post in the channels that it notifies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog

from bot.fronts.errors import FrontError, Throttled, Unpostable
from bot.fronts.slack.tasks import BackgroundTasks
from bot.fronts.slack.web_api.calls import SlackApi

log = structlog.get_logger(__name__)

CHECK_INTERVAL = 30.0
"""Seconds for which a look is good: each channel is a call, of which Slack takes 50 a minute."""


class ChannelAccess:
    """Checks channels with the permissions of the bot."""

    def __init__(self, api: SlackApi, tasks: BackgroundTasks) -> None:
        self._api = api
        self._tasks = tasks
        self._closed: dict[str, str] = {}
        self._look_at = 0.0

    def closed(self, channels: Sequence[str]) -> Mapping[str, str]:
        """Those in which nothing can be said, as far as is known, each with the reason. Nobody
        waits for Slack here: what has changed is known the next time."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + CHECK_INTERVAL
            self._tasks.start(self.look(channels))
        return {one: self._closed[one] for one in channels if one in self._closed}

    async def look(self, channels: Sequence[str]) -> Mapping[str, str]:
        """Check the channels with Slack now. Return those in which the bot cannot post, with the
        reason. Each is logged once."""
        for channel in channels:
            try:
                await self._api.read("conversations.history", channel=channel, limit=1)
            except Unpostable as error:
                if channel not in self._closed:
                    log.error("cannot post in a channel", channel=channel, reason=str(error))
                self._closed[channel] = str(error)
            except Throttled:
                break  # posts may need what Slack takes more than this does
            except FrontError as error:
                log.info("cannot check a channel", channel=channel, reason=str(error))
            else:
                self._closed.pop(channel, None)
        return dict(self._closed)
