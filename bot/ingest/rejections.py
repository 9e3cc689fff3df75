"""Counts and logs what is rejected of what others send, and has people told of it once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from baton.text.printable import printable
from bot.findings import Finding, Findings, LoggedFindings
from bot.ingest.errors import Rejected
from bot.ratelimit import TokenBucket

log = structlog.get_logger(__name__)

LASTS = 900.0
"""Seconds after the last rejection at which the alert about a sender ends."""
UNKNOWN_SENDER = "unknown"
"""The sender in the metric, where no token says who it is."""
MAX_REASON = 300
"""Characters of a reason that are repeated."""
LOG_RATE = (0.2, 20.0)
"""Lines a second about one sender, and at once."""


@dataclass(slots=True)
class _Spell:
    """What was rejected of one sender without a long pause. Moments are in Unix seconds."""

    began: float
    last: float
    count: int = 0


class Rejections:
    """Counts rejections. `findings` has people told of each sender that has some."""

    def __init__(
        self,
        findings: Findings | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        """How much was rejected, by sender and reason."""
        self._findings = findings or LoggedFindings()
        self._clock = clock
        self._monotonic = monotonic
        self._spells: dict[str, _Spell] = {}
        self._lines: dict[str, TokenBucket] = {}
        self._unlogged: Counter[str] = Counter()

    def count(self, sender: str, refusal: Rejected) -> None:
        """Count it only: it is logged elsewhere, and people can do nothing about it."""
        self.counts[sender, refusal.kind] += 1

    def add(self, sender: str, refusals: Sequence[Rejected]) -> None:
        """Count, log and report what was rejected of one message of `sender`, a name that our own
        settings have."""
        if not refusals:
            return
        for refusal in refusals:
            self.counts[sender, refusal.kind] += 1
        reason = printable(str(refusals[0])[:MAX_REASON])
        self._log(sender, len(refusals), reason)
        now = self._clock()
        spell = self._spells.get(sender)
        if spell is None or not 0 <= now - spell.last < LASTS:
            spell = self._spells[sender] = _Spell(now, now)
        spell.last = now
        spell.count += len(refusals)
        since = f"{datetime.fromtimestamp(spell.began, UTC):%H:%M} UTC"
        count = "1 alert" if spell.count == 1 else f"{spell.count} alerts"
        were, they = ("was", "It is") if spell.count == 1 else ("were", "They are")
        text = (
            f"{count} from {sender} {were} rejected since {since}. Last reason: {reason}"
            f" {they} not stored: correct the configuration of {sender}."
        )
        self._findings.found(Finding("refused", text, {"sender": sender}, lasts=LASTS))

    def _log(self, sender: str, count: int, reason: str) -> None:
        now = self._monotonic()
        rate, burst = LOG_RATE
        lines = self._lines.setdefault(sender, TokenBucket.full(rate, burst, now))
        if lines.wait(now) > 0:
            self._unlogged[sender] += count
            return
        lines.take(now)
        more = self._unlogged.pop(sender, 0)
        log.warning("alerts rejected", sender=sender, count=count, not_logged=more, reason=reason)
