"""What Baton itself finds wrong, outside any job: it becomes an alert, which ends by itself when it
is not found again.

A sender whose alerts are refused, a server that says it is another: whoever finds such a thing
needs to know nothing of how alerts are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from alerts import Severity

log = structlog.get_logger(__name__)

LASTS = 3600.0
"""Seconds after which a finding is over, unless it is found again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: `name` becomes the alert's name, `about` its other labels (what it
    is about: `{"host": "web-1"}`), and `text` says what happened and what to do.

    The same name and labels are the same alert, whatever the text. `lasts` is in seconds.
    """

    name: str
    text: str
    about: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = Severity.WARNING
    lasts: float = LASTS


class Findings(Protocol):
    """Takes findings. It never raises, and may be told the same as often as it happens."""

    def found(self, finding: Finding) -> None:
        """Have people told of it."""


class Unheard:
    """Takes findings where no alerts are kept: the log must do."""

    def found(self, finding: Finding) -> None:
        """Keeps Findings.found."""
        log.warning("found", what=finding.name, about=dict(finding.about), text=finding.text)

    async def close(self) -> None:
        """There is nothing to write down."""
