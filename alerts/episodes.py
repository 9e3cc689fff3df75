"""Episode: one alert, from firing to resolved. If it fires again after that, that is a new episode.

Sources: PagerDuty's and GoAlert's deduplication by key (an open alert is not opened again), and
Icinga's acknowledgement, which here holds until the alert is resolved or gets worse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alerts.labels import Labels
from alerts.links import Link
from alerts.observation import Severity

SHORT_ID = 8
"""Digits of a fingerprint that people are shown."""
TEXT_INTERVAL = 60.0
"""Seconds between two changes of the text if nothing else changes."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert, from firing to resolved. (`fingerprint`, `number`) names it for ever; numbers of
    one alert count from 1.

    Times are steady seconds. While it is `flapping` its changes are not notified. `mentioned` are
    the people on call who were named for it. `note` says why it ended, if no observation ended it;
    `expired`: it ended because the sender no longer repeated it. `called` says what is wrong if the
    name of the alert does not. `opened` is when we received it, which may be long after it
    `started`.
    """

    labels: Labels
    number: int
    started: float
    severity: Severity = Severity.WARNING
    text: str = ""
    flapping: bool = False
    ended: float | None = None
    note: str = ""
    acknowledged_by: str = ""
    acknowledged_at: float | None = None
    mentioned: tuple[str, ...] = ()
    changed: float = 0.0
    expired: bool = False
    called: str = ""
    links: tuple[Link, ...] = ()
    opened: float = 0.0

    @property
    def title(self) -> str:
        """How a post calls it."""
        return self.labels.title(self.called)

    @property
    def fingerprint(self) -> str:
        """The alert of which it is an episode."""
        return self.labels.fingerprint

    @property
    def firing(self) -> bool:
        """Whether it still fires."""
        return self.ended is None

    @property
    def state(self) -> str:
        """Its state, as people are shown it."""
        if self.ended is not None:
            return "expired" if self.expired else "resolved"
        if self.acknowledged_by:
            return "acknowledged"
        return "flapping" if self.flapping else "firing"

    def updated(
        self,
        severity: Severity,
        text: str,
        flapping: bool,
        at: float,
        called: str = "",
        links: tuple[Link, ...] = (),
    ) -> Episode:
        """Return it as it is after one more bad result. An acknowledgement holds for the severity
        for which it was given: a higher one is news."""
        worse = severity.rank > self.severity.rank
        reworded = bool(text) and text != self.text
        if reworded and not worse and at < self.changed + TEXT_INTERVAL:
            reworded = False
        links = links or self.links
        same = (severity, flapping, called, links) == (
            self.severity,
            self.flapping,
            self.called,
            self.links,
        )
        if same and not reworded:
            return self
        after = replace(
            self,
            severity=severity,
            flapping=flapping,
            text=text if reworded else self.text,
            changed=at if reworded else self.changed,
            called=called,
            links=links,
        )
        return replace(after, acknowledged_by="", acknowledged_at=None) if worse else after

    def acknowledged(self, by: str, at: float) -> Episode:
        """Return it acknowledged by `by`; the first acknowledgement stays."""
        if not self.firing or self.acknowledged_by:
            return self
        return replace(self, acknowledged_by=by, acknowledged_at=at)

    def resolved(self, at: float, note: str = "", *, expired: bool = False) -> Episode:
        """Return it resolved."""
        ended = max(at, self.started)
        return replace(self, ended=ended, flapping=False, note=note, expired=expired)
