"""Rollouts in words: what is planned, and how far one is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from baton.outcome import duration, named
from bot.rollout.settings import RolloutSettings
from bot.rollout.state import RolloutState
from bot.rollout.waves import assign, sizes_of

MAX_WAVES = 8
"""Waves that are named one by one, at most."""
_SHOWN = 5


def planned_words(settings: RolloutSettings, servers: int) -> str:
    """Return how so many servers are gone through: `waves of 1, 2, 2 and 1; it asks after the
    first; it goes back by itself`."""
    sizes = sizes_of(assign([f"{number:06}" for number in range(servers)], settings))
    parts = [f"waves of {_sizes(sizes)}" if len(sizes) > 1 else "all servers in one wave"]
    if settings.max_unavailable is not None:
        parts.append(f"at most {settings.max_unavailable.of(servers)} unavailable at a time")
    if settings.healthy_for:
        parts.append(f"each healthy for {duration(settings.healthy_for)} before the next")
    if settings.pause != "never" and len(sizes) > 1:
        parts.append(f"it asks after {'the first' if settings.pause == 'first' else 'each'}")
    if settings.max_failed:
        parts.append(f"at most {settings.max_failed} may fail")
    if settings.back:
        parts.append("it goes back by itself")
    return "; ".join(parts)


def progress_lines(state: RolloutState, *, wave: bool = True) -> list[str]:
    """Return how far a rollout is that has started: its wave, unless that is not wanted, what is
    still to begin, and what people or the rollout itself have said."""
    lines = []
    waves = {host: at for host, at in state.waves.items() if host not in state.skipped}
    last = max(waves.values(), default=0)
    if wave and state.wave and last > 1:
        now = sorted(host for host, at in waves.items() if at == state.wave)
        later = sizes_of({host: at for host, at in waves.items() if at > state.wave})
        line = f"Wave {state.wave} of {last}: {named(now, _SHOWN)}."
        if later and not state.stopped:
            line += f" Still to begin: {_sizes(later)}."
        lines.append(line)
    if state.skipped:
        lines.append(f"Skipped: {named(sorted(state.skipped), _SHOWN)}.")
    if state.stopped:
        lines.append(f"Stopped: {state.stopped}")
    if state.undone_by:
        lines.append(f"Job {state.undone_by[:6]} takes back what succeeded.")
    return lines


def _sizes(sizes: Sequence[int]) -> str:
    shown = [str(size) for size in sizes[:MAX_WAVES]]
    if len(sizes) > MAX_WAVES:
        return f"{', '.join(shown)} and {len(sizes) - MAX_WAVES} more"
    if len(shown) == 1:
        return shown[0]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
