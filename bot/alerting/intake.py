"""What others tell, over HTTP or over the bus, for the engine of alerts: check-ins, pushed alerts,
CloudEvents.

It is in the database before the sender is answered, and stays there until the bot that leads has
written what came of it: nothing is lost while nobody leads, or while we are blind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TypeVar

from pydantic import JsonValue, SecretStr

from alerts import AlertSettings, CheckIn, Labels, Sample, Severity
from alerts.labels import ALERTNAME, spelled
from alerts.links import LONGEST, Link, links
from alerts.sample import Observation
from bot.alerting.asks import seen
from bot.alerting.keeper import Keeper
from bot.web.intake import CheckIn as SignOfLife
from bot.web.intake import Event, Keys, Phase, Pushed
from bot.web.reading import Batch, fires, text

T = TypeVar("T")

TOGETHER = 500
"""Alerts that are written down in one row: others want to write too."""
EVENT_LASTS = 3600.0
"""Seconds after which the alert of an event is over, unless the event comes again."""
SAID = 500
"""Characters of a text that are shown."""
_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    **dict.fromkeys(("page", "fatal", "emergency", "alert", "error"), Severity.CRITICAL),
    **dict.fromkeys(("notice", "none", "debug"), Severity.INFO),
}


class Reception:
    """Takes what comes in. Keeps bot.web.intake.Intake. `senders` are tokens by name."""

    def __init__(self, keeper: Keeper, senders: Mapping[str, SecretStr]) -> None:
        self._keeper = keeper
        self._senders = {name: token.get_secret_value() for name, token in senders.items()}
        self._of: AlertSettings | None = None
        self._keys = Keys()

    @property
    def keys(self) -> Keys:
        """Keeps Intake.keys."""
        settings = self._keeper.settings
        if settings is not self._of:
            tokens = {table.name: table.token.get_secret_value() for table in settings.checkin}
            checkins = {name: token for name, token in tokens.items() if token}
            self._of, self._keys = settings, Keys(checkins, self._senders)
        return self._keys

    async def checked_in(self, checkin: SignOfLife) -> None:
        """Keeps Intake.checked_in. That work has begun says nothing yet: its end counts."""
        await self.keep(self.seen(checkin))

    async def pushed(self, alerts: Sequence[Pushed]) -> None:
        """Keeps Intake.pushed."""
        for some in _several(alerts):
            await self.keep([self._alert(one) for one in some])

    async def happened(self, events: Sequence[Event]) -> None:
        """Keeps Intake.happened: an event is an alert by its type, source and subject, over when
        one says `status: resolved`, or after an hour."""
        for some in _several(events):
            await self.keep([self._event(one) for one in some])

    def seen(self, told: SignOfLife | Batch[Event]) -> list[Observation]:
        """What that says was seen."""
        if isinstance(told, Batch):
            return [self._event(one) for one in told.taken]
        if told.phase in (Phase.STARTED, Phase.NOTED):
            return []
        failed = told.phase is Phase.FAILED
        last = told.text.rpartition("\n")[2][:SAID]
        return [CheckIn(told.name, self._keeper.now(), failed, last)]

    def known(self, checkin: str) -> bool:
        """Whether there is a check-in of that name."""
        return any(table.name == checkin for table in self._keeper.settings.checkin)

    async def keep(self, observations: Sequence[Observation]) -> None:
        """Write down what was seen, for the bot that leads. Raises DatabaseUnavailable."""
        if observations:
            await self._keeper.want(seen(observations, self._keeper.now()))

    def _alert(self, alert: Pushed) -> Sample:
        ends = None
        if alert.firing and alert.ends is not None:
            # what is left of it, whatever the clock on the wall does meanwhile
            ends = self._keeper.now() + max(alert.ends - alert.at, 0.0)
        notes = alert.annotations
        said = notes.get("summary") or notes.get("description") or notes.get("message") or ""
        return Sample(
            Labels.of(alert.labels),
            alert.firing,
            self._keeper.now(),
            said[:SAID],
            _severity(alert.labels.get("severity")),
            source=f"push/{alert.sender}",
            told=True,
            ends=ends,
            began=alert.starts,
            over=None if alert.firing else alert.ends,
            links=_links(alert),
        )

    def _event(self, event: Event) -> Sample:
        said = {**event.extensions, **_said(event.data)}
        labels = {ALERTNAME: event.type, "source": event.source, "subject": event.subject}
        at = self._keeper.now()
        status = said.get("status")
        firing = fires(status)
        words = text(said.get("summary") or said.get("message") or said.get("description"), SAID)
        if firing is None and status not in (None, ""):
            words = f"{words} (unknown status “{text(status, 40)}”: taken as firing)".strip()
        bad = firing is not False
        return Sample(
            Labels.of(spelled(labels)),
            bad,
            at,
            words,
            _severity(said.get("severity")),
            source=f"event/{event.sender}",
            told=True,
            ends=at + EVENT_LASTS,
            began=event.time if bad else None,
            over=None if bad else event.time,
            links=links(
                (name, text(said.get(key), LONGEST))
                for name, key in (("Runbook", "runbook_url"), ("Source", "url"))
            ),
            id=blake2b(repr((event.id, bad)).encode(), digest_size=8).hexdigest(),
        )


def _links(alert: Pushed) -> tuple[Link, ...]:
    """Where people may look further: what is to be done comes first."""
    notes = alert.annotations
    named = [
        ("Runbook", notes.get("runbook_url") or notes.get("runbook") or ""),
        ("Dashboard", notes.get("dashboard_url") or notes.get("dashboard") or ""),
        ("Source", alert.url),
        *alert.links.items(),
    ]
    return links(named)


def _several(all_of_it: Sequence[T]) -> Iterator[Sequence[T]]:
    for begin in range(0, len(all_of_it), TOGETHER):
        yield all_of_it[begin : begin + TOGETHER]


def _said(data: JsonValue | bytes) -> Mapping[str, JsonValue]:
    """What the data of an event say by name; a text is their summary."""
    if isinstance(data, bytes):
        data = data[: 4 * SAID].decode(errors="replace")
    if isinstance(data, str):
        return {"summary": data}
    return data if isinstance(data, Mapping) else {}


def _severity(word: object) -> Severity:
    return _SEVERITIES.get(str(word or "").strip().lower(), Severity.WARNING)
