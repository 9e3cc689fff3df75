"""The names of commands in Slack: some have a slash command of their own in the app's manifest,
the others are typed after /baton. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.fronts.slack.listeners.payloads import OWN_COMMAND

SLASH_COMMANDS = frozenset(
    (
        *("alerts", "deploy", "lock", "ping", "rollback", "run", "schedule", "servers", "unlock"),
        *("versions", "why"),
    )
)
"""The commands that manifest.yml gives a slash command of their own."""


def as_typed(text: str, names: Iterable[str]) -> str:
    """Return `text` with the commands `names` as people type them in Slack: `/jobs` becomes
    `/baton jobs`."""
    rest = sorted(set(names) - SLASH_COMMANDS, key=len, reverse=True)
    if not rest:
        return text
    known = "|".join(re.escape(name) for name in rest)
    return re.sub(rf"(?<![\w/.:-])/({known})(?![\w/.:-]*[\w/])", rf"{OWN_COMMAND} \1", text)
