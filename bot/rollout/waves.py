"""Which server is in which wave. Pure.

The canaries are servers that were well: a sick one proves nothing of a version. In the later waves
the sick ones come first, because the new version may heal them, and costs nobody anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.rollout.settings import RolloutSettings
from bot.rollout.values import Rollout


def assign(
    hosts: Collection[str], settings: RolloutSettings, sick: Collection[str] = ()
) -> Mapping[str, int]:
    """Return the wave of each of `hosts`, counted from 1; `sick` are unhealthy or missing."""
    ordered = sorted(hosts, key=lambda host: (host in sick, host))
    canary, rest = ordered[: settings.canary], ordered[settings.canary :]
    rest.sort(key=lambda host: (host not in sick, host))
    size = settings.wave.of(len(ordered)) if settings.wave else max(len(rest), 1)
    first = 2 if canary else 1
    waves = dict.fromkeys(canary, 1)
    return waves | {host: first + at // size for at, host in enumerate(rest)}


def slower(rollout: Rollout) -> Rollout:
    """Return `rollout` with waves of half the size for the servers that are still to begin."""
    waiting = [one for one in rollout.members if one.waits]
    if not waiting:
        return rollout
    begun = max((one.wave for one in rollout.members if not one.held), default=0)
    size = max(max(Counter(one.wave for one in waiting).values()) // 2, 1)
    order = sorted(waiting, key=lambda one: (one.wave, not one.sick, one.host))
    first = max(begun + 1, min(one.wave for one in waiting))
    waves = {one.host: first + at // size for at, one in enumerate(order)}
    members = [replace(one, wave=waves.get(one.host, one.wave)) for one in rollout.members]
    return replace(rollout, members=members)


def sizes_of(waves: Mapping[str, int]) -> Sequence[int]:
    """Return how many servers each wave has, in their order."""
    counts = Counter(waves.values())
    return [counts[wave] for wave in sorted(counts)]
