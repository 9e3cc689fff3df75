"""What Baton itself finds wrong, outside any job: it becomes an alert, which ends by itself when it
is not found again.

A sender whose alerts are refused, a server that says it is another: whoever finds such a thing
needs to know nothing of how alerts are kept.
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
"""Seconds between two log lines of the same."""
MAX_FINDINGS = 100
"""Different findings that are remembered."""


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
    """Takes findings. It never raises, and may be told the same as often as it happens."""

    def found(self, finding: Finding) -> None:
        """Have people told of it."""


class RecentFindings:
    """What was found lately and is not over, for whoever looks: the newest MOST."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._found: dict[tuple[str, ...], tuple[Finding, float]] = {}

    def add(self, finding: Finding) -> None:
        """Remember it."""
        self._found.pop(finding.key, None)
        while len(self._found) >= MAX_FINDINGS:
            del self._found[next(iter(self._found))]
        self._found[finding.key] = finding, self._monotonic()

    def all(self) -> list[Finding]:
        """What is not over, the newest first."""
        at = self._monotonic()
        lasting = (one for one, found in self._found.values() if at - found < one.lasts)
        return [*lasting][::-1]

    def about(self, host: str) -> tuple[str, ...]:
        """What is to stand beside the server `host`."""
        notes = (one.note for one in self.all() if one.host == host and one.note)
        return tuple(dict.fromkeys(notes))


class FindingReports(Findings):
    """Remembers what was found `lately`, and hands each finding on to `alerts`."""

    def __init__(self, lately: RecentFindings, alerts: Findings) -> None:
        self.recent = lately
        self._alerts = alerts

    @override
    def found(self, finding: Finding) -> None:
        """Remember it, and have people told."""
        self.recent.add(finding)
        self._alerts.found(finding)


class LoggedFindings:
    """Takes findings where no alerts are kept: the log must do. The same is logged once every AGAIN
    seconds at most."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: dict[tuple[str, ...], float] = {}

    def found(self, finding: Finding) -> None:
        """Keeps Findings.found."""
        at = self._monotonic()
        if at - self._said.get(finding.key, float("-inf")) < LOG_INTERVAL:
            return
        while len(self._said) >= MAX_FINDINGS:
            del self._said[next(iter(self._said))]
        self._said[finding.key] = at
        log.error(
            printable(finding.text),
            found=finding.name,
            **{f"about_{name}": printable(value) for name, value in finding.about.items()},
        )

    async def close(self) -> None:
        """There is nothing to write down."""
