"""chat.*: posting, editing, deleting, whispering."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from baton_slack_testing.args import Args
from baton_slack_testing.blocks import check_blocks
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.methods import method
from baton_slack_testing.tokens import Token
from baton_slack_testing.workspace import BOT_USER, LONG_TEXT, Channel, Ephemeral, Message

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

MOST_TEXT = 40_000
MOST_METADATA = 16_384


@method("chat.postMessage", "channel", scope="chat:write")
def post_message(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `chat.postMessage`. Raises Refusal."""
    channel = slack.workspace.find(args["channel"])
    may_write(channel, token)
    text, blocks = content(slack, args)
    metadata = read_metadata(args)
    thread_ts = args.text("thread_ts") or None
    if thread_ts:
        channel.root(thread_ts)
    message = Message(
        slack.workspace.stamp(),
        channel.id,
        BOT_USER,
        text,
        blocks or [],
        thread_ts,
        metadata or None,
        bot=True,
        broadcast=bool(thread_ts) and args.flag("reply_broadcast"),
        long=len(text) > LONG_TEXT,
    )
    slack.workspace.show(message)
    raw = message.raw(metadata=True)
    return {"ok": True, "channel": channel.id, "ts": message.ts, "message": raw}


@method("chat.update", "channel", "ts", scope="chat:write", per_minute=50)
def update(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `chat.update`. Raises Refusal."""
    channel = by_id(slack, args["channel"])
    message = channel.message(str(args["ts"]))
    if not message.bot:
        raise Refusal("cant_update_message")
    text, blocks = content(slack, args)
    if len(text) > LONG_TEXT:
        raise Refusal("msg_too_long")
    metadata = read_metadata(args)
    # Blocks stay only when neither they nor a text are given, which is refused as no_text.
    message.text, message.blocks = text, blocks or []
    if metadata is not None:
        message.metadata = metadata or None
    message.edits += 1
    slack.changes.notify()
    where = {"channel": channel.id, "ts": message.ts}
    return {"ok": True, **where, "text": text, "message": message.raw(metadata=True)}


@method("chat.delete", "channel", "ts", scope="chat:write", per_minute=50)
def delete(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `chat.delete`. Raises Refusal."""
    channel = by_id(slack, args["channel"])
    message = channel.message(str(args["ts"]))
    if not message.bot:
        raise Refusal("cant_delete_message")
    channel.remove(message)
    slack.changes.notify()
    return {"ok": True, "channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral", "channel", "user", scope="chat:write", per_minute=100)
def post_ephemeral(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `chat.postEphemeral`. Raises Refusal."""
    channel = slack.workspace.find(args["channel"])
    may_write(channel, token)
    user = args["user"]
    if user not in slack.workspace.users or user in channel.outsiders:
        raise Refusal("user_not_in_channel")
    text, blocks = content(slack, args)
    thread_ts = args.text("thread_ts") or None
    stamp = slack.workspace.stamp()
    slack.workspace.whisper(Ephemeral(channel.id, user, text, blocks or [], thread_ts, stamp))
    return {"ok": True, "message_ts": stamp}


def by_id(slack: SlackServer, channel: str) -> Channel:
    """Editing and deleting take a channel's id, not its name."""
    if channel not in slack.workspace.channels:
        raise Refusal("channel_not_found")
    return slack.workspace.find(channel)


def may_write(channel: Channel, token: Token) -> None:
    """Raises Refusal if the bot may not post in this channel."""
    if channel.archived:
        raise Refusal("is_archived")
    public = channel.kind == "public_channel" and "chat:write.public" in token.scopes
    if not channel.has_bot and not public:
        raise Refusal("not_in_channel")


def content(slack: SlackServer, args: Args) -> tuple[str, list[Json] | None]:
    """Text and blocks, checked; a text over 40,000 characters is cut."""
    blocks = args.structure("blocks", "invalid_blocks_format")
    if blocks is not None:
        blocks = check_blocks(blocks, plan_blocks=slack.plan_blocks)
    text = args.text("text") or ""
    if not text.strip() and not blocks and not args.get("attachments"):
        raise Refusal("no_text")
    return text[:MOST_TEXT], blocks


def read_metadata(args: Args) -> Any:
    """Message metadata, checked: None if not given, {} to remove it."""
    metadata = args.structure("metadata", "invalid_metadata_format")
    if metadata is None or metadata == {}:
        return metadata
    if not isinstance(metadata, dict):
        raise Refusal("invalid_metadata_format")
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise Refusal("invalid_metadata_schema")
    if len(json.dumps(metadata)) > MOST_METADATA:
        raise Refusal("metadata_too_large")
    return metadata
