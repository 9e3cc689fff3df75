"""Inhibition: while a server is down, nobody needs to know that the apps on it are.

Source: Alertmanager, inhibit_rule. A firing alert that matches the source mutes every alert that
matches the target and has the same values of the labels in `equal`; a missing label has the empty
value. An alert that matches both sides is not muted by another one that does. Alerts are indexed by
the values of `equal`, so the cost does not grow with the number of alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.episodes import Episode
from alerts.labels.matchers import Matchers


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Which alerts mute which."""

    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.source} mutes {self.target}"
        return f"{text} if these labels are equal: {', '.join(self.equal)}" if self.equal else text


Key = tuple[int, tuple[str, ...]]


class Inhibitor:
    """Holds the firing alerts, by the rules that they match."""

    def __init__(self, rules: Sequence[InhibitRule]) -> None:
        self.rules = tuple(rules)
        self._sources: dict[Key, dict[str, bool]] = {}
        self._targets: dict[Key, set[str]] = {}
        self._keys: dict[str, list[Key]] = {}

    def opened(self, episode: Episode) -> set[str]:
        """Add an alert that fires. Return the fingerprints of those that it may mute now."""
        touched = self.closed(episode.fingerprint)
        keys = []
        for place, rule in enumerate(self.rules):
            source = rule.source.matches(episode.labels, episode.severity)
            target = rule.target.matches(episode.labels, episode.severity)
            if not (source or target):
                continue
            key = (place, tuple(map(episode.labels.get, rule.equal)))
            keys.append(key)
            if source:
                self._sources.setdefault(key, {})[episode.fingerprint] = target
                touched |= self._targets.get(key, set())
            if target:
                self._targets.setdefault(key, set()).add(episode.fingerprint)
        if keys:
            self._keys[episode.fingerprint] = keys
        return touched - {episode.fingerprint}

    def closed(self, fingerprint: str) -> set[str]:
        """Remove an alert that no longer fires. Return the fingerprints of those that it may have
        muted."""
        touched: set[str] = set()
        for key in self._keys.pop(fingerprint, ()):
            sources, targets = self._sources.get(key), self._targets.get(key)
            if sources is not None and sources.pop(fingerprint, None) is not None:
                touched |= self._targets.get(key, set())
                if not sources:
                    del self._sources[key]
            if targets is not None:
                targets.discard(fingerprint)
                if not targets:
                    del self._targets[key]
        return touched - {fingerprint}

    def inhibited_by(self, fingerprint: str) -> tuple[str, InhibitRule] | None:
        """Return the fingerprint of an alert that mutes this one, and the rule."""
        for key in self._keys.get(fingerprint, ()):
            if fingerprint not in self._targets.get(key, ()):
                continue
            sources = self._sources.get(key, {})
            both = fingerprint in sources
            for other, also_target in sources.items():
                if other != fingerprint and not (both and also_target):
                    return other, self.rules[key[0]]
        return None
