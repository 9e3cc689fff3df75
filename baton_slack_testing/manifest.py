"""What the app's manifest.yml asks for: its scopes, events and slash commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MANIFEST = Path("manifest.yml")
"""The manifest of an app that is tested in its own folder."""

ALL_SCOPES = frozenset(
    {"app_mentions:read", "chat:write", "commands", "files:write"}
    | {"channels:history", "channels:read", "groups:history", "groups:read"}
    | {"im:history", "pins:write", "usergroups:read", "users:read"}
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The installed app; `commands` is None when any slash command is known."""

    scopes: frozenset[str] = ALL_SCOPES
    events: frozenset[str] = frozenset({"app_mention"})
    commands: frozenset[str] | None = None
    bot_name: str = "baton"
    direct_messages: bool = True

    @classmethod
    def read(cls, path: Path = MANIFEST) -> Manifest:
        """The manifest at `path`; an app with every scope of ALL_SCOPES if there is none."""
        if not path.exists():
            return cls()
        manifest = yaml.safe_load(path.read_text("utf-8"))
        features: dict[str, Any] = manifest.get("features", {})
        subscriptions = manifest.get("settings", {}).get("event_subscriptions", {})
        return cls(
            scopes=frozenset(manifest["oauth_config"]["scopes"]["bot"]),
            events=frozenset(subscriptions.get("bot_events", [])),
            commands=frozenset(each["command"] for each in features.get("slash_commands", [])),
            direct_messages=writable(features.get("app_home", {})),
            bot_name=str(features.get("bot_user", {}).get("display_name", "baton")).lower(),
        )


def writable(home: dict[str, Any]) -> bool:
    """Whether people see the app's messages tab, and may write in it."""
    shown = home.get("messages_tab_enabled") is True
    return shown and home.get("messages_tab_read_only_enabled") is not True
