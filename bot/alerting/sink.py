"""What others tell, over HTTP or over the bus, for the engine of alerts: check-ins, pushed alerts,
CloudEvents.

It is in the database before the sender is answered, and stays there until the bot that leads has
written what came of it: nothing is lost while nobody leads, or while we are blind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from pydantic import JsonValue, SecretStr

from alerts import AlertSettings, CheckIn, Labels, Sample, Severity
from alerts.labels import ALERTNAME, sanitize
from alerts.links import MAX_ADDRESS, Link, usable_links
from alerts.observation import Observation
from bot.alerting.operations import record_observations
from bot.alerting.runner import Keeper
from bot.ingest.errors import BadInput
from bot.ingest.model import CheckInPing as SignOfLife
from bot.ingest.model import CloudEvent, Phase, PushedAlert, Received, SenderTokens
from bot.ingest.payload import as_text, is_firing

BATCH_SIZE = 500
"""Alerts that are written down in one row: others want to write too."""
EVENT_LASTS = 3600.0
"""Seconds after which the alert of an event is over, unless the event comes again."""
MAX_TEXT = 500
"""Characters of a text that are shown."""
_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    **dict.fromkeys(("page", "fatal", "emergency", "alert", "error"), Severity.CRITICAL),
    **dict.fromkeys(("notice", "none", "debug"), Severity.INFO),
}


class Reception:
    """Takes what comes in. Keeps bot.ingest.model.AlertSink. `senders` are tokens by name."""

    def __init__(self, keeper: Keeper, senders: Mapping[str, SecretStr]) -> None:
        self._keeper = keeper
        self._senders = {name: token.get_secret_value() for name, token in senders.items()}
        self._of: AlertSettings | None = None
        self._keys = SenderTokens()

    @property
    def tokens(self) -> SenderTokens:
        """Keeps AlertSink.tokens."""
        settings = self._keeper.settings
        if settings is not self._of:
            tokens = {table.name: table.token.get_secret_value() for table in settings.checkin}
            checkins = {name: token for name, token in tokens.items() if token}
            self._of, self._keys = settings, SenderTokens(checkins, self._senders)
        return self._keys

    def observations(self, received: Sequence[Received]) -> list[Observation]:
        """Keeps AlertSink.observations. That work has begun says nothing yet: its end counts. An
        event is an alert by its type, source and subject, over when one says `status: resolved`, or
        after an hour."""
        return [found for one in received if (found := self._observation(one)) is not None]

    async def store(self, observations: Sequence[Observation]) -> None:
        """Keeps AlertSink.store: they wait for the bot that leads. Raises DatabaseUnavailable."""
        for begin in range(0, len(observations), BATCH_SIZE):
            some = observations[begin : begin + BATCH_SIZE]
            await self._keeper.want(record_observations(some, self._keeper.now()))

    def _observation(self, received: Received) -> Observation | None:
        if isinstance(received, PushedAlert):
            return self._alert(received)
        return (
            self._event(received) if isinstance(received, CloudEvent) else self._check_in(received)
        )

    def _check_in(self, ping: SignOfLife) -> CheckIn | None:
        if all(table.name != ping.name for table in self._keeper.settings.checkin):
            raise BadInput("name", f"there is no check-in called {ping.name}")
        if ping.phase in (Phase.STARTED, Phase.NOTED):
            return None
        last = ping.text.rpartition("\n")[2][:MAX_TEXT]
        return CheckIn(ping.name, self._keeper.now(), ping.phase is Phase.FAILED, last)

    def _alert(self, alert: PushedAlert) -> Sample:
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
            said[:MAX_TEXT],
            _severity(alert.labels.get("severity")),
            source=f"push/{alert.sender}",
            decided=True,
            ends=ends,
            began=alert.starts,
            over=None if alert.firing else alert.ends,
            links=_links(alert),
        )

    def _event(self, event: CloudEvent) -> Sample:
        said = {**event.extensions, **_said(event.data)}
        labels = {ALERTNAME: event.type, "source": event.source, "subject": event.subject}
        at = self._keeper.now()
        status = said.get("status")
        firing = is_firing(status)
        words = as_text(
            said.get("summary") or said.get("message") or said.get("description"), MAX_TEXT
        )
        if firing is None and status not in (None, ""):
            words = f"{words} (unknown status “{as_text(status, 40)}”: taken as firing)".strip()
        bad = firing is not False
        return Sample(
            Labels.of(sanitize(labels)),
            bad,
            at,
            words,
            _severity(said.get("severity")),
            source=f"event/{event.sender}",
            decided=True,
            ends=at + EVENT_LASTS,
            began=event.time if bad else None,
            over=None if bad else event.time,
            links=usable_links(
                (name, as_text(said.get(key), MAX_ADDRESS))
                for name, key in (("Runbook", "runbook_url"), ("Source", "url"))
            ),
            id=blake2b(repr((event.id, bad)).encode(), digest_size=8).hexdigest(),
        )


def _links(alert: PushedAlert) -> tuple[Link, ...]:
    """Where people may look further: what is to be done comes first."""
    notes = alert.annotations
    named = [
        ("Runbook", notes.get("runbook_url") or notes.get("runbook") or ""),
        ("Dashboard", notes.get("dashboard_url") or notes.get("dashboard") or ""),
        ("Source", alert.url),
        *alert.links.items(),
    ]
    return usable_links(named)


def _said(data: JsonValue | bytes) -> Mapping[str, JsonValue]:
    """What the data of an event say by name; a text is their summary."""
    if isinstance(data, bytes):
        data = data[: 4 * MAX_TEXT].decode(errors="replace")
    if isinstance(data, str):
        return {"summary": data}
    return data if isinstance(data, Mapping) else {}


def _severity(word: object) -> Severity:
    return _SEVERITIES.get(str(word or "").strip().lower(), Severity.WARNING)
