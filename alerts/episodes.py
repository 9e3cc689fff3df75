"""Episode: one alert, from firing to resolved. A new trigger after that is a new episode.

Sources: PagerDuty's and GoAlert's deduplication by key (what is open is not opened again), and
Icinga's acknowledgement, which here holds until it is over or worse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alerts.labels import Labels
from alerts.links import Link
from alerts.observation import Severity

TEXT_INTERVAL = 60.0
"""Seconds between two changes of a text that says the same thing in other words."""


@dataclass(frozen=True, slots=True)
class Episode:
    """(`fingerprint`, `number`) names it for ever; numbers of one alert count from 1.

    Times are steady seconds. `flapping`: it comes and goes, so its ups and downs are not told.
    `mentioned`: the people on call who were named for it. `note` says why it ended, if
    not by itself; `expired`: because nothing was heard of it any more. `called` is what is wrong,
    where the name of the alert is not the word for it. `opened` is when we heard of it, which
    may be long after it `started`.
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
        """How it is called in a post."""
        return self.labels.title(self.called)

    @property
    def fingerprint(self) -> str:
        """Which alert it is an episode of."""
        return self.labels.fingerprint

    @property
    def firing(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    @property
    def state(self) -> str:
        """Its state, for people."""
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
        """As it is after one more bad result. An acknowledgement holds for the severity that it
        was given for: worse than that is news."""
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
        """As it is once `by` took it on; the first one stays."""
        if not self.firing or self.acknowledged_by:
            return self
        return replace(self, acknowledged_by=by, acknowledged_at=at)

    def resolved(self, at: float, note: str = "", *, expired: bool = False) -> Episode:
        """As it is once it is over."""
        ended = max(at, self.started)
        return replace(self, ended=ended, flapping=False, note=note, expired=expired)
