"""What stands in for the parts of a bot that hear of servers, where a test or a bench has none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from typing_extensions import override

from baton.bus.messages import Heartbeat, Pong, now
from bot.findings import Finding, Findings, LoggedFindings
from bot.ingest.updates import UpdateHooks
from bot.servers.registry import ServerRegistry


def make_registry(
    clock: Callable[[], datetime] = now, findings: Findings | None = None
) -> ServerRegistry:
    """A registry of servers alone; what it finds odd goes to `findings`, or to the log."""
    return ServerRegistry(findings or LoggedFindings(), lambda host: (), lambda: None, clock)


class RecordedFindings(Findings):
    """Keeps the findings that people would be told of."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    @override
    def found(self, finding: Finding) -> None:
        self.all.append(finding)

    @property
    def names(self) -> list[str]:
        return [finding.name for finding in self.all]


class NoHooks(UpdateHooks):
    """Does nothing with what is received."""

    @override
    def heartbeat_received(self, beat: Heartbeat) -> None:
        """Nothing."""

    @override
    def pong_received(self, pong: Pong) -> None:
        """Nothing."""
