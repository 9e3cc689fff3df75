"""Checks of ourselves by way of the chat: our clock, and who else uses our tokens.

They are done once a minute; the alert ends by itself once the problem is not found again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from alerts import Severity
from baton.outcome import duration
from bot.findings import Finding, Findings

LOOK_INTERVAL = 60.0
"""Seconds between two checks."""
FINDING_LASTS = 300.0
"""Seconds after which the alert ends, unless the problem is found again."""
MAX_CLOCK_SKEW = 30.0
"""Seconds by which our clock may differ, as for those of servers."""


class ChatView(Protocol):
    """What a chat knows about this bot."""

    @property
    def clock_ahead(self) -> float | None:
        """Seconds by which our clock is ahead of its own; None if that is not known."""

    @property
    def strangers(self) -> int:
        """How many connections with our tokens belong to no bot of ours."""


def find_problems(chat: ChatView, name: str) -> Iterator[Finding]:
    """Return what is wrong by the chat called `name`."""
    ahead = chat.clock_ahead
    if ahead is not None and abs(ahead) > MAX_CLOCK_SKEW:
        text = (
            f"The clock of this bot is {duration(abs(ahead))} "
            f"{'ahead of' if ahead > 0 else 'behind'} {name}'s. Schedules run at the wrong time, "
            "and requests to servers may expire too early: synchronize it with NTP (`timedatectl`)."
        )
        yield Finding("clock", text, {"host": "the bot"}, Severity.CRITICAL, FINDING_LASTS)
    if chat.strangers > 0:
        text = (
            f"{chat.strangers} connections to {name} with our tokens belong to no bot of this "
            f"database: {name} sends another program a part of people's requests. Stop that "
            "program, or create new tokens."
        )
        yield Finding("strangers", text, {"chat": name}, Severity.CRITICAL, FINDING_LASTS)


async def report_problems(chat: ChatView, name: str, findings: Findings) -> None:
    """Report what is wrong by the chat called `name`."""
    for finding in find_problems(chat, name):
        findings.found(finding)
