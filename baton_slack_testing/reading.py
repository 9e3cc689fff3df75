"""conversations.*, users.* and usergroups.*: what the bot can look up."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, TypeVar

from baton_slack_testing.args import Args
from baton_slack_testing.errors import Json, Refusal
from baton_slack_testing.methods import method
from baton_slack_testing.tokens import Token
from baton_slack_testing.workspace import Channel, Message

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

T = TypeVar("T")


@method("conversations.history", "channel", per_minute=50)
def history(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `conversations.history`. Raises Refusal."""
    channel = readable(slack, token, args)
    newest_first = [each for each in reversed(channel.by_ts.values()) if each.top]
    return messages(between(newest_first, args), args)


@method("conversations.replies", "channel", "ts", per_minute=50)
def replies(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `conversations.replies`. Raises Refusal."""
    channel = readable(slack, token, args)
    root = channel.by_ts.get(str(args["ts"]))
    if root is None:
        raise Refusal("thread_not_found")
    if root.thread_ts is not None:
        root = channel.by_ts.get(root.thread_ts, root)
    # The first message of a thread is always there, whatever the range.
    return messages([root, *between(root.replies, args)], args)


@method("conversations.info", "channel", per_minute=50)
def info(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `conversations.info`. Raises Refusal."""
    channel = known(slack, args)
    token.require_for(channel.kind, "read")
    return {"ok": True, "channel": channel.raw()}


@method("conversations.list", per_minute=20)
def list_channels(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `conversations.list`. Raises Refusal."""
    kinds = (args.text("types") or "public_channel").split(",")
    for kind in kinds:
        token.require_for(kind.strip(), "read")
    found = [
        channel
        for channel in slack.workspace.channels.values()
        if channel.kind in kinds
        and (channel.has_bot or channel.kind == "public_channel")
        and not (args.flag("exclude_archived") and channel.archived)
    ]
    page, cursor = cut(found, args, default=100)
    channels = [channel.raw() for channel in page]
    return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": cursor}}


@method("users.info", "user", scope="users:read", per_minute=100)
def user_info(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `users.info`. Raises Refusal."""
    user = slack.workspace.users.get(args["user"])
    if user is None:
        raise Refusal("user_not_found")
    return {"ok": True, "user": user.raw()}


@method("usergroups.list", scope="usergroups:read", per_minute=20)
def list_groups(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `usergroups.list`. Raises Refusal."""
    groups = []
    for group in slack.workspace.groups.values():
        if group.disabled and not args.flag("include_disabled"):
            continue
        users = {"users": group.users} if args.flag("include_users") else {}
        groups.append(group.raw() | users)
    return {"ok": True, "usergroups": groups}


@method("usergroups.users.list", "usergroup", scope="usergroups:read", per_minute=20)
def group_users(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `usergroups.users.list`. Raises Refusal."""
    group = slack.workspace.groups.get(args["usergroup"])
    if group is None:
        raise Refusal("no_such_subteam")
    return {"ok": True, "users": group.users}


def known(slack: SlackServer, args: Args) -> Channel:
    """Reading takes a channel's id."""
    if args["channel"] not in slack.workspace.channels:
        raise Refusal("channel_not_found")
    return slack.workspace.find(args["channel"])


def readable(slack: SlackServer, token: Token, args: Args) -> Channel:
    """A channel that the bot is in and may read."""
    channel = known(slack, args)
    token.require_for(channel.kind, "history")
    if not channel.has_bot:
        raise Refusal("not_in_channel")
    return channel


def between(found: list[Message], args: Args) -> list[Message]:
    """Those inside of `oldest` and `latest`."""
    oldest, latest = args.text("oldest") or "0", args.text("latest") or "9999999999.999999"
    for limit in (oldest, latest):
        try:
            float(limit)
        except ValueError:
            raise Refusal("invalid_ts_oldest" if limit is oldest else "invalid_ts_latest") from None
    low, high = micros(oldest), micros(latest)
    if args.flag("inclusive"):
        return [each for each in found if low <= micros(each.ts) <= high]
    return [each for each in found if low < micros(each.ts) < high]


def micros(ts: str) -> int:
    """A ts as a whole number of microseconds."""
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int((rest + "000000")[:6])


def messages(found: list[Message], args: Args) -> Json:
    """One page of messages."""
    page, cursor = cut(found, args, default=100)
    shown = [each.raw(metadata=args.flag("include_all_metadata")) for each in page]
    answer: Json = {"ok": True, "messages": shown, "has_more": bool(cursor)}
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def cut(found: list[T], args: Args, default: int) -> tuple[list[T], str]:
    """The page at `cursor` of `limit` items, and the cursor of the next one ("" at the end)."""
    limit = args.number("limit", default, 1, 1000)
    start = offset(args.get("cursor"))
    end = start + limit
    cursor = base64.b64encode(f"next:{end}".encode()).decode() if end < len(found) else ""
    return found[start:end], cursor


def offset(cursor: Any) -> int:
    """Where a cursor points; raises Refusal `invalid_cursor`."""
    if not cursor:
        return 0
    try:
        word, _, number = base64.b64decode(str(cursor), validate=True).decode().partition(":")
        if word == "next":
            return int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise Refusal("invalid_cursor")
