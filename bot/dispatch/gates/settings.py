"""The gate of settings: do the servers have the same settings for what is asked? Pure.

It informs and refuses nobody: servers may differ on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import override

from baton.bus.facts import Facts
from baton.outcome import named
from bot.dispatch.gates.finding import Finding, Open
from bot.dispatch.gates.situation import Gate, Situation

_SHOWN = 5


class SettingsGate(Gate):
    """Looks at the digests of settings in the last heartbeats of the servers of the situation."""

    @override
    def look(self, situation: Situation) -> Finding:
        """Return which servers have other settings than most."""
        app = situation.intent.app
        if app is None:
            return Open("settings", "It is about no app: no settings are compared.")
        environments = _by_environment(situation.servers)
        texts = [
            f"In {name}: {text}" if len(environments) > 1 else text
            for name, here in sorted(environments.items())
            if (text := _compared(app, here))
        ]
        return Open("settings", " ".join(texts) or f"No server reports its settings for {app}.")


def _by_environment(servers: Iterable[Facts]) -> Mapping[str, list[Facts]]:
    """Settings of two environments differ on purpose."""
    found: dict[str, list[Facts]] = {}
    for facts in servers:
        found.setdefault(facts.environment, []).append(facts)
    return found


def _compared(app: str, servers: Sequence[Facts]) -> str:
    """Return what `servers`, all of one environment, say of `app`; empty if they say nothing."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for facts in sorted(servers, key=lambda each: each.host):
        alike.setdefault(_digests(app, facts), []).append(facts.host)
    silent = alike.pop((), [])
    if not alike:
        return ""
    most, *others = sorted(alike.items(), key=lambda group: -len(group[1]))
    total = f"{len(servers)} server{'s' * (len(servers) != 1)}"
    text = f"The settings of {app} are the same on {len(most[1])} of {total}."
    for digests, hosts in others:
        tables = ", ".join(f"[{name}]" for name in _differing(dict(most[0]), dict(digests)))
        text += f" {_named(hosts)} differ{_s(hosts)} from {_named(most[1])}:"
        text += f" compare {tables} in their agent.toml."
    if others:
        text += " This does not stop it."
    if silent:
        text += f" {_named(silent)} report{_s(silent)} none."
    return text


def _digests(app: str, facts: Facts) -> tuple[tuple[str, str], ...]:
    found = facts.settings.items()
    return tuple(sorted(one for one in found if one[0].partition(".")[2] == app))


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _named(hosts: Sequence[str]) -> str:
    return named(hosts, _SHOWN)


def _s(hosts: Sequence[str]) -> str:
    return "s" if len(hosts) == 1 else ""
