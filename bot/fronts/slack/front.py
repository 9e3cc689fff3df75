"""SlackFront: shows posts as Slack messages. Step 5 of the path (store and post) ends here.

Each message carries the key of its post as metadata. So a message whose response was lost is found
again, and not posted twice.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from typing_extensions import override

from alerts import AlertContent
from bot.content import Post
from bot.fronts.protocol import Front, Limits
from bot.fronts.slack.blocks.posts import Block, blocks, fallback, has_plan
from bot.fronts.slack.blocks.text import MAX_EPHEMERAL, escaped
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.ephemeral import send_ephemeral
from bot.fronts.slack.web_api.errors import BadBlocks, PinnedAlready, ThreadGone
from bot.jobs import Place

log = structlog.get_logger(__name__)

EVENT_TYPE = "baton_post"
CLOCK_SKEW = 60.0
"""Seconds before a post was wanted that are searched too, on Slack's clock."""
PAGE_SIZE = 200

LIMITS = Limits(
    post_every=1.0,
    post_burst=3,
    edits_per_minute=50,
    edit_every=2.0,
    hold_new_posts=True,
    files=True,
)


class SlackFront(Front):
    """The front end of Slack."""

    name = "slack"
    limits = LIMITS

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._plans = True

    @override
    async def post(self, place: Place, post: Post, *, thread: str) -> str:
        """Post `post`. The ref is the `ts` of the message. Raises FrontError."""
        answer = await self._shown(
            "chat.postMessage",
            post,
            channel=place.channel,
            thread_ts=thread or None,
            reply_broadcast=True if thread and post.broadcast else None,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(answer["ts"])

    @override
    async def edit(self, place: Place, ref: str, post: Post) -> None:
        """Update the message to show `post`. Raises FrontError, MessageDeleted if it was
        deleted."""
        if isinstance(post.content, AlertContent):
            # people are called by the first message only
            post = replace(post, content=replace(post.content, mention=""))
        await self._shown("chat.update", post, channel=place.channel, ts=ref)

    @override
    async def pin(self, place: Place, ref: str) -> None:
        """Pin the message. Raises FrontError, Unpostable if the bot is not allowed to."""
        with contextlib.suppress(PinnedAlready):
            await self._api.change("pins.add", channel=place.channel, timestamp=ref)

    @override
    async def find(self, place: Place, key: str, *, thread: str, since: float) -> str | None:
        """Find the message since `since` whose metadata name `key`, or which has a file of that
        name. Raises FrontError."""
        query: dict[str, Any] = {
            "channel": place.channel,
            "oldest": f"{max(self._api.clock.by_slack(since) - CLOCK_SKEW, 0):.6f}",
            "include_all_metadata": True,
            "limit": PAGE_SIZE,
        }
        method = "conversations.history"
        if thread:
            method, query["ts"] = "conversations.replies", thread
        while True:
            try:
                page = await self._api.read(method, **query)
            except ThreadGone:
                return None
            for message in page.get("messages") or []:
                if key in _keys(message):
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            query["cursor"] = cursor

    @override
    async def upload_file(self, place: Place, thread: str, name: str, text: str) -> None:
        """Upload `text` as a file under the message `thread`. Raises FrontError."""
        await self._api.upload(place.channel, thread, name, text or "(nothing)\n")

    @override
    async def send_ephemeral(self, place: Place, person: str, text: str) -> None:
        """Show `text` only to `person`, if necessary in a direct message. Raises FrontError."""
        await send_ephemeral(self._api, place, person, escaped(text, MAX_EPHEMERAL))

    async def _shown(self, method: str, post: Post, **where: Any) -> Mapping[str, Any]:
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": post.key}}
        words = {"text": fallback(post.content), "metadata": metadata, **where}
        plan = self._plans and has_plan(post.content)
        try:
            return await self._said(method, _drawn(post, plan=plan), words)
        except BadBlocks as error:
            refused = error
        if plan:
            log.warning("Slack refuses plan blocks, using sections", reason=str(refused))
            self._plans = False
            try:
                return await self._said(method, _drawn(post, plan=False), words)
            except BadBlocks as error:
                refused = error
        # Better the words alone than nothing: what ended must be told.
        log.warning("Slack refuses blocks, showing text alone", reason=str(refused))
        return await self._said(method, [], words)

    async def _said(
        self, method: str, drawn: list[Block], words: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        answer = (await self._api.change(method, blocks=drawn, **words)).data
        return answer if isinstance(answer, dict) else {}


def _drawn(post: Post, *, plan: bool) -> list[Block]:
    return blocks(post.content, secrets.token_hex(4), plan=plan)


def _keys(message: Mapping[str, Any]) -> set[str]:
    """Return the keys by which a message of ours can be found: of its post, and the names of its
    files."""
    if not message.get("bot_id"):
        return set()
    keys = {str(file.get("name")) for file in message.get("files") or []}
    metadata = message.get("metadata") or {}
    key = (metadata.get("event_payload") or {}).get("key")
    if metadata.get("event_type") == EVENT_TYPE and key is not None:
        keys.add(str(key))
    return keys
