"""The methods of Slack's Web API that we call, and the scopes that they need: those of
manifest.yml.

docs.slack.dev/reference/methods
"""

from __future__ import annotations

from collections.abc import Iterable

METHODS: dict[str, tuple[str, ...]] = {
    "auth.test": (),
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    # What is left to say of a silence.
    "views.open": (),
    # To find out whether a post whose answer was lost is there: in channels, private channels and
    # the bot's own direct messages.
    "conversations.history": ("channels:history", "groups:history", "im:history"),
    "conversations.replies": ("channels:history", "groups:history", "im:history"),
    # To keep the board of a channel in sight.
    "pins.add": ("pins:write",),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
    "usergroups.list": ("usergroups:read",),
    # Whether who asks is a member, a guest or of another organization; the time zone of who
    # schedules something, and whether they are still here when it fires.
    "users.info": ("users:read",),
}

RECEIVE_SCOPES = ("commands", "app_mentions:read", "im:history")
"""What Slack needs to tell us of slash commands, mentions and direct messages."""

EVENTS = ("app_mention", "message.im")
"""What manifest.yml subscribes to."""

SCOPES = frozenset(RECEIVE_SCOPES) | frozenset(
    scope for needed in METHODS.values() for scope in needed
)
"""What manifest.yml asks for."""

OPTIONAL_SCOPES = frozenset({"pins:write"})
"""What the bot does without if it must: boards are shown, and not pinned."""


def missing(granted: Iterable[str]) -> list[str]:
    """Return the required scopes that were not granted, sorted."""
    return sorted(SCOPES - OPTIONAL_SCOPES - frozenset(granted))
