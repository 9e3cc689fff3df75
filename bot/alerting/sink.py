"""Stores what others send over HTTP or the bus, for the engine of alerts: check-ins, pushed alerts,
CloudEvents.

It is in the database before the sender is answered, and stays there until the bot that leads has
written what came of it: nothing is lost while no bot leads, or while we are blind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from pydantic import JsonValue, SecretStr
from typing_extensions import override

from alerts import AlertSettings, CheckIn, Labels, Sample, Severity
from alerts.labels import ALERTNAME, sanitize
from alerts.links import MAX_ADDRESS, Link, usable_links
from alerts.observation import Observation
from bot.alerting.operations import record_observations
from bot.alerting.runner import AlertRunner
from bot.ingest.errors import BadInput
from bot.ingest.model import (
    AlertSink,
    CheckInPing,
    CloudEvent,
    Phase,
    PushedAlert,
    Received,
    SenderTokens,
)
from bot.ingest.payload import as_text, is_firing

BATCH_SIZE = 500
"""Alerts that are stored in one row: other writers must have their turn."""
EVENT_LASTS = 3600.0
"""Seconds after which the alert of an event ends, unless the event comes again."""
MAX_TEXT = 500
"""Characters of a text that are stored."""
_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    **dict.fromkeys(("page", "fatal", "emergency", "alert", "error"), Severity.CRITICAL),
    **dict.fromkeys(("notice", "none", "debug"), Severity.INFO),
}


class StoredAlertSink(AlertSink):
    """Stores what others send, for the bot that leads. `senders` are tokens by name."""

    def __init__(self, runner: AlertRunner, senders: Mapping[str, SecretStr]) -> None:
        self._runner = runner
        self._senders = {name: token.get_secret_value() for name, token in senders.items()}
        self._of: AlertSettings | None = None
        self._tokens = SenderTokens()

    @property
    @override
    def tokens(self) -> SenderTokens:
        """The tokens of the settings as they are now."""
        settings = self._runner.settings
        if settings is not self._of:
            tokens = {table.name: table.token.get_secret_value() for table in settings.checkin}
            checkins = {name: token for name, token in tokens.items() if token}
            self._of, self._tokens = settings, SenderTokens(checkins, self._senders)
        return self._tokens

    @override
    def observations(self, received: Sequence[Received]) -> list[Observation]:
        """Return what these say was observed. A check-in whose work only begins says nothing yet:
        its end counts. An event is an alert by its type, source and subject; it ends when one says
        `status: resolved`, or after an hour."""
        return [found for one in received if (found := self._observation(one)) is not None]

    @override
    async def store(self, observations: Sequence[Observation]) -> None:
        """Store them until the bot that leads has taken note of them. Raises
        DatabaseUnavailable."""
        for begin in range(0, len(observations), BATCH_SIZE):
            some = observations[begin : begin + BATCH_SIZE]
            await self._runner.submit(record_observations(some, self._runner.now()))

    def _observation(self, received: Received) -> Observation | None:
        if isinstance(received, PushedAlert):
            return self._alert(received)
        return (
            self._event(received) if isinstance(received, CloudEvent) else self._check_in(received)
        )

    def _check_in(self, ping: CheckInPing) -> CheckIn | None:
        if all(table.name != ping.name for table in self._runner.settings.checkin):
            raise BadInput("name", f"there is no check-in called {ping.name}")
        if ping.phase in (Phase.STARTED, Phase.NOTED):
            return None
        last = ping.text.rpartition("\n")[2][:MAX_TEXT]
        return CheckIn(ping.name, self._runner.now(), ping.phase is Phase.FAILED, last)

    def _alert(self, alert: PushedAlert) -> Sample:
        ends = None
        if alert.firing and alert.ends is not None:
            # as seconds from now: the wall clock may be set meanwhile
            ends = self._runner.now() + max(alert.ends - alert.at, 0.0)
        notes = alert.annotations
        said = notes.get("summary") or notes.get("description") or notes.get("message") or ""
        return Sample(
            Labels.of(alert.labels),
            alert.firing,
            self._runner.now(),
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
        at = self._runner.now()
        status = said.get("status")
        firing = is_firing(status)
        words = as_text(
            said.get("summary") or said.get("message") or said.get("description"), MAX_TEXT
        )
        if firing is None and status not in (None, ""):
            words = f"{words} (unknown status “{as_text(status, 40)}”: treated as firing)".strip()
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
    """Return the links of an alert: the runbook, which says what to do, comes first."""
    notes = alert.annotations
    named = [
        ("Runbook", notes.get("runbook_url") or notes.get("runbook") or ""),
        ("Dashboard", notes.get("dashboard_url") or notes.get("dashboard") or ""),
        ("Source", alert.url),
        *alert.links.items(),
    ]
    return usable_links(named)


def _said(data: JsonValue | bytes) -> Mapping[str, JsonValue]:
    """Return the data of an event by name; a text is their summary."""
    if isinstance(data, bytes):
        data = data[: 4 * MAX_TEXT].decode(errors="replace")
    if isinstance(data, str):
        return {"summary": data}
    return data if isinstance(data, Mapping) else {}


def _severity(word: object) -> Severity:
    return _SEVERITIES.get(str(word or "").strip().lower(), Severity.WARNING)
