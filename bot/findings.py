"""Findings: what Baton itself finds wrong, outside any job. Each becomes an alert, which ends by
itself when it is not found again.

Examples are a sender whose alerts are refused, and a server that claims to be another. Whoever
reports a finding needs to know nothing about alerts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from typing_extensions import override

from alerts import Severity
from baton.text.printable import printable

log = structlog.get_logger(__name__)

FINDING_LIFETIME = 3600.0
"""Seconds after which a finding is over, unless it is found again."""
LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same finding."""
MAX_FINDINGS = 100
"""How many different findings are remembered."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: `name` becomes the alert's name, `about` its other labels (what it
    is about: `{"host": "web-1"}`), and `text` says what happened and what to do.

    The same name and labels are the same alert, whatever the text. `lasts` is in seconds. `note` is
    what stands beside the server `host` where servers are listed, if something does.
    """

    name: str
    text: str
    about: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = Severity.WARNING
    lasts: float = FINDING_LIFETIME
    host: str = ""
    note: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same as another."""
        return (self.name, *(f"{label}={value}" for label, value in sorted(self.about.items())))


class Findings(Protocol):
    """Takes findings. It never raises, and may be given the same one again and again."""

    def found(self, finding: Finding) -> None:
        """Notify people of `finding`."""


class RecentFindings:
    """Remembers the newest MAX_FINDINGS findings that are not over."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._found: dict[tuple[str, ...], tuple[Finding, float]] = {}

    def add(self, finding: Finding) -> None:
        """Remember `finding`."""
        self._found.pop(finding.key, None)
        while len(self._found) >= MAX_FINDINGS:
            del self._found[next(iter(self._found))]
        self._found[finding.key] = finding, self._monotonic()

    def all(self) -> list[Finding]:
        """Return what is not over, the newest first."""
        at = self._monotonic()
        lasting = (one for one, found in self._found.values() if at - found < one.lasts)
        return [*lasting][::-1]

    def about(self, host: str) -> tuple[str, ...]:
        """Return what lists of servers show beside the server `host`."""
        notes = (one.note for one in self.all() if one.host == host and one.note)
        return tuple(dict.fromkeys(notes))


class FindingReports(Findings):
    """Remembers each finding in `recent`, and passes it on to `alerts`."""

    def __init__(self, recent: RecentFindings, alerts: Findings) -> None:
        self.recent = recent
        self._alerts = alerts

    @override
    def found(self, finding: Finding) -> None:
        """Remember `finding`, and notify people."""
        self.recent.add(finding)
        self._alerts.found(finding)


class LoggedFindings(Findings):
    """Logs findings, where a bot has no alerts: the same one at most every LOG_INTERVAL seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged_at: dict[tuple[str, ...], float] = {}

    @override
    def found(self, finding: Finding) -> None:
        at = self._monotonic()
        if at - self._logged_at.get(finding.key, float("-inf")) < LOG_INTERVAL:
            return
        while len(self._logged_at) >= MAX_FINDINGS:
            del self._logged_at[next(iter(self._logged_at))]
        self._logged_at[finding.key] = at
        log.error(
            printable(finding.text),
            found=finding.name,
            **{f"about_{name}": printable(value) for name, value in finding.about.items()},
        )
