"""Alerts as a viewer may see them: what fires and has fired, and silences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts import Engine, Episode
from alerts.episodes import SHORT_ID
from alerts.explain import acknowledged, why_quiet
from alerts.labels.matchers import Matchers
from alerts.mute.silences import Silence
from bot.dispatch.authorizer import Reader
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import note_of, reader_of


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """An alert. `pairs` are its labels, name and value. `silenced`: a silence mutes it. `note` says
    why nobody is notified of it, or who acknowledged it; `ended` is None while it fires."""

    id: str
    fingerprint: str
    title: str
    state: str
    severity: str
    text: str
    labels: str
    pairs: tuple[tuple[str, str], ...]
    environment: str
    since: datetime
    ended: datetime | None
    acknowledged_by: str
    silenced: bool
    note: str
    number: int


@dataclass(frozen=True, slots=True)
class SeenSilence:
    """A silence that is active."""

    id: str
    matchers: str
    until: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeenAlerts:
    """What somebody may see of alerts. `left_out` counts the alerts that they may not read,
    `note` says so; `blind_since` is since when no state changes; `unpostable` are channels that get
    no notifications, with the reason."""

    firing: tuple[SeenAlert, ...]
    silences: tuple[SeenSilence, ...]
    left_out: int
    note: str
    blind_since: datetime | None
    unpostable: Mapping[str, str]


class AlertReading:
    """Reads alerts for viewers."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    @property
    def on(self) -> bool:
        """Whether this bot has alerts."""
        return self._parts.alerts is not None

    async def read(self, viewer: Viewer) -> SeenAlerts:
        """Return what fires and what is silenced. Raises DatabaseUnavailable."""
        source = self._parts.alerts
        if source is None:
            return SeenAlerts((), (), 0, "", None, {})
        engine, now = await source.view(), source.now()
        # taken before the first wait: what is shown is what was judged
        firing, reader = engine.firing(), self._reader(viewer)
        hidden = await self._hidden(reader, firing)
        seen = [one for one in firing if one.labels.get("env") not in hidden]
        silences = tuple(
            SeenSilence(one.id, str(one.matchers), self._moment(one.until), one.by, one.reason)
            for one in engine.silences()
            if one.active(now) and not _may_mean(one, hidden)
        )
        blind = engine.blind_since
        return SeenAlerts(
            tuple(self._alert(one, _note(engine, one), _silenced(engine, one)) for one in seen),
            silences,
            len(firing) - len(seen),
            note_of(reader, "alert", len(firing) - len(seen)),
            None if blind is None else self._moment(blind),
            source.unpostable(source.settings.all_channels),
        )

    async def history(self, viewer: Viewer, limit: int = 50) -> tuple[SeenAlert, ...]:
        """Return what has fired, the latest first. Raises DatabaseUnavailable."""
        if not self.on:
            return ()
        past = await self._parts.store.alerts.history(limit)
        hidden = await self._hidden(self._reader(viewer), past)
        return tuple(
            self._alert(one, one.note) for one in past if one.labels.get("env") not in hidden
        )

    def _reader(self, viewer: Viewer) -> Reader:
        return reader_of(self._parts.authorizer, viewer, "alerts", self._parts.clock())

    async def _hidden(self, reader: Reader, episodes: Sequence[Episode]) -> frozenset[str]:
        """Return the environments, of these and of all that are known, whose alerts may not be
        read, `""` among them if not even those of none."""
        known = {
            "",
            *self._parts.authorizer.environments(self._parts.servers.servers()),
            *(one.labels.get("env") for one in episodes),
        }
        return frozenset([each for each in known if not await reader.may_look_at(each)])

    def _alert(self, one: Episode, note: str, silenced: bool = False) -> SeenAlert:
        return SeenAlert(
            one.fingerprint[:SHORT_ID],
            one.fingerprint,
            one.title,
            one.state,
            str(one.severity),
            one.text,
            str(one.labels),
            one.labels.pairs,
            one.labels.get("env"),
            self._moment(one.started),
            None if one.ended is None else self._moment(one.ended),
            one.acknowledged_by,
            silenced,
            note,
            one.number,
        )

    def _moment(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC)


def _silenced(engine: Engine, episode: Episode) -> bool:
    muted = engine.muting.muted.get(episode.fingerprint)
    return muted is not None and muted.silenced


def _note(engine: Engine, episode: Episode) -> str:
    """Return why nobody is notified of it, or who acknowledged it."""
    quiet = why_quiet(engine, episode)
    return f"nobody is notified: {quiet}" if quiet else acknowledged(episode)


def _may_mean(silence: Silence, environments: frozenset[str]) -> bool:
    matchers: Matchers = silence.matchers
    of_env = [part for part in matchers.parts if part.name == "env"]
    return any(all(part.matches(env) for part in of_env) for env in environments)
