"""Muting: which firing alerts are not to be notified, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.episodes import Episode
from alerts.faults import Faults
from alerts.mute.inhibition import Inhibitor
from alerts.mute.settings import MuteSettings
from alerts.mute.silences import Silence, Window


@dataclass(frozen=True, slots=True)
class Muted:
    """Why an alert is muted, and `until` when (steady seconds) if that is known. `silenced`: by a
    silence, which a person created."""

    why: str
    until: float | None = None
    silenced: bool = False


class Muting:
    """Applies silences, maintenance and inhibition to every firing alert."""

    def __init__(
        self, settings: MuteSettings, open_episodes: Mapping[str, Episode], faults: Faults
    ) -> None:
        self._open = open_episodes
        self._faults = faults
        self.silences: dict[str, Silence] = {}
        self.muted: dict[str, Muted] = {}
        self._unsilenced: set[str] = set()
        """The alerts whose silence has ended and whose reminder is still to be sent."""
        self.inhibitor = Inhibitor(settings.rules)
        self._windows = settings.windows
        self._open_windows: list[tuple[Window, float]] = []
        self._next = -math.inf
        self.skew = 0.0
        """What to add to steady seconds to get wall clock seconds."""

    def restore(self, silences: Iterable[Silence], now: float) -> None:
        """Restore the silences; none of them began later than `now`."""
        self.silences.update((one.id, one.set_back(now)) for one in silences)

    def take_unsilenced(self, fingerprint: str) -> bool:
        """Whether the silence of this alert has ended since this was asked last."""
        if fingerprint not in self._unsilenced:
            return False
        self._unsilenced.remove(fingerprint)
        return True

    def reload(self, settings: MuteSettings, now: float) -> set[str]:
        """Use other settings. Return the fingerprints of the alerts whose mute changed."""
        self._windows = settings.windows
        self.inhibitor = Inhibitor(settings.rules)
        for episode in self._open.values():
            self.inhibitor.opened(episode)
        return self._judge_all(now)

    def on_opened(self, episode: Episode, now: float) -> set[str]:
        """An alert fires, or has another severity. Return the fingerprints of the alerts whose mute
        changed."""
        touched = self.inhibitor.opened(episode)
        return self._judge({episode.fingerprint, *touched}, now)

    def on_closed(self, fingerprint: str, now: float) -> set[str]:
        """An alert no longer fires. Return the fingerprints of the alerts whose mute changed."""
        self.muted.pop(fingerprint, None)
        return self._judge(self.inhibitor.closed(fingerprint), now)

    def add_silence(self, silence: Silence, now: float) -> set[str]:
        """Add or replace a silence. Return the fingerprints of the alerts whose mute changed."""
        self.silences[silence.id] = silence
        return self._judge_all(now)

    def pass_time(self, now: float) -> set[str]:
        """Let silences and windows begin and end. Return the fingerprints of the alerts whose mute
        changed."""
        return self._judge_all(now) if now >= self._next else set()

    def next_change(self) -> float:
        """Return when `pass_time` must be called next."""
        return self._next

    def _judge_all(self, now: float) -> set[str]:
        for ended in [key for key, silence in self.silences.items() if silence.until <= now]:
            del self.silences[ended]
        edges = [edge for silence in self.silences.values() for edge in _edges(silence, now)]
        edges += self._look_at_windows(now)
        self._next = min(edges, default=math.inf)
        return self._judge(self._open, now)

    def clock_moved(self, skew: float, now: float) -> set[str]:
        """The wall clock was set. Return the fingerprints of the alerts whose mute changed."""
        self.skew = skew
        return self._judge_all(now)

    def _look_at_windows(self, now: float) -> list[float]:
        """Find the open windows. Return when each window opens or ends next, in steady seconds. A
        window that cannot be evaluated mutes nothing, and the others are not affected."""
        self._open_windows = []
        edges = []
        for window in self._windows:
            wall = now + self.skew
            with self._faults.isolate(f"maintenance “{window.reason}”"):
                until, edge = window.until(wall), window.next_change(wall)
                if until is not None:
                    self._open_windows.append((window, until - self.skew))
                edges.append(edge - self.skew)
        return edges

    def _judge(self, fingerprints: Iterable[str], now: float) -> set[str]:
        touched = set()
        for fingerprint in fingerprints:
            episode = self._open.get(fingerprint)
            if episode is None:
                continue
            muted = self.judge(episode, now)
            if muted != self.muted.get(fingerprint):
                touched.add(fingerprint)
                if muted is None:
                    if self.muted.pop(fingerprint).silenced:
                        self._unsilenced.add(fingerprint)
                else:
                    self.muted[fingerprint] = muted
        return touched

    def judge(self, episode: Episode, now: float) -> Muted | None:
        """Return why `episode` is muted; None if it is not."""
        for silence in self.silences.values():
            if silence.active(now) and silence.matchers.matches(episode.labels, episode.severity):
                why = f"silenced by {silence.by}: {silence.reason}"
                return Muted(why, silence.until, silenced=True)
        for window, until in self._open_windows:
            if now < until and window.matchers.matches(episode.labels, episode.severity):
                return Muted(f"maintenance: {window.reason}", until)
        found = self.inhibitor.inhibited_by(episode.fingerprint)
        if found is None:
            return None
        source = self._open.get(found[0])
        return Muted(f"muted by {source.title if source else found[0]}")


def _edges(silence: Silence, now: float) -> list[float]:
    return [silence.starts, silence.until] if silence.starts > now else [silence.until]
