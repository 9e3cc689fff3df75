"""What the chat shows to be wrong with ourselves: our clock, and who else uses our tokens.

Looked at once in a while; the alert ends by itself once it is not seen again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from alerts import Severity
from baton.outcome import duration
from bot.findings import Finding, Findings

LOOK_INTERVAL = 60.0
"""Seconds between two looks."""
FINDING_LASTS = 300.0
"""Seconds after which it is over, unless it is seen again."""
MAX_CLOCK_SKEW = 30.0
"""Seconds by which our clock may be off: as for those of servers."""


class ChatView(Protocol):
    """What a chat knows of us."""

    @property
    def clock_ahead(self) -> float | None:
        """Seconds by which our clock is ahead of its own; None if that is not known."""

    @property
    def strangers(self) -> int:
        """How many connections with our tokens are no bot's of ours."""


def find_problems(chat: ChatView, name: str) -> Iterator[Finding]:
    """What the chat that is called `name` shows to be wrong."""
    ahead = chat.clock_ahead
    if ahead is not None and abs(ahead) > MAX_CLOCK_SKEW:
        text = (
            f"The clock of this bot is {duration(abs(ahead))} "
            f"{'ahead of' if ahead > 0 else 'behind'} {name}'s. Schedules run at the wrong time, "
            "and servers may call requests expired: set it by NTP (`timedatectl`)."
        )
        yield Finding("clock", text, {"host": "the bot"}, Severity.CRITICAL, FINDING_LASTS)
    if chat.strangers > 0:
        text = (
            f"{chat.strangers} connections to {name} with our tokens are of no bot that uses this "
            f"database: {name} gives that program a part of what people ask. Stop it, or make new "
            "tokens."
        )
        yield Finding("strangers", text, {"chat": name}, Severity.CRITICAL, FINDING_LASTS)


async def report_problems(chat: ChatView, name: str, findings: Findings) -> None:
    """Have people told of what the chat that is called `name` shows to be wrong."""
    for finding in find_problems(chat, name):
        findings.found(finding)
