"""How commands are typed in Slack: some have a slash command of their own in the app's manifest,
all the rest is asked of /baton. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.fronts.slack.listeners.payloads import OWN_COMMAND

SLASH_COMMANDS = frozenset({"alerts", "deploy", "ping", "schedule", "servers"})
"""The commands that manifest.yml gives a slash command of their own."""


def as_typed(text: str, names: Iterable[str]) -> str:
    """`text` with the commands `names` as they are typed in Slack: `/jobs` is `/baton jobs`."""
    rest = sorted(set(names) - SLASH_COMMANDS, key=len, reverse=True)
    if not rest:
        return text
    known = "|".join(re.escape(name) for name in rest)
    return re.sub(rf"(?<![\w/.:-])/({known})(?![\w/.:-]*[\w/])", rf"{OWN_COMMAND} \1", text)
