"""The waves of a job, as its page shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baton.bus.messages import State
from bot.jobs import Job, RunRecord, counts, job_state
from bot.waiting import rollout_buttons

MAX_WAVES = 12
"""Waves that are shown: those about the one that runs."""
MAX_SERVERS = 8
"""Servers of a wave that are named. Others are counted."""


@dataclass(frozen=True, slots=True)
class WaveServer:
    """A server of a wave. `skip` is what one says to leave it as it is; empty if nothing is."""

    host: str
    skipped: bool
    skip: str


@dataclass(frozen=True, slots=True)
class WaveRow:
    """A wave: the `state` that needs attention most of its servers, how many are in which, and the
    first of them; `more` are left out. `now`: it is the one that runs, or ended last."""

    number: int
    state: str
    counts: str
    now: bool
    servers: tuple[WaveServer, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves of a job from `first` to `last`, and how many there are before and after those."""

    rows: tuple[WaveRow, ...]
    before: int
    after: int


def waves_of(job: Job, runs: Sequence[RunRecord]) -> Waves | None:
    """Return the waves of `job`, which has begun; `runs` are the last attempts. None if all of its
    servers began at once."""
    state = job.hold.rollout if job.hold is not None else None
    if state is None or not state.wave:
        return None
    members: dict[int, list[RunRecord]] = {}
    for run in sorted(runs, key=lambda run: run.host):
        members.setdefault(state.waves.get(run.host, 1), []).append(run)
    if len(members) < 2:
        return None
    numbers = sorted(members)
    first = max(
        min(sum(number < state.wave for number in numbers) - 2, len(numbers) - MAX_WAVES), 0
    )
    shown = numbers[first : first + MAX_WAVES]
    can_skip = bool(rollout_buttons(job))
    rows = []
    for number in shown:
        of_wave = members[number]
        servers = tuple(
            WaveServer(
                run.host,
                run.host in state.skipped,
                f"/rollout {job.id} skip --host {run.host}"
                if can_skip and run.state is State.HELD and run.host not in state.skipped
                else "",
            )
            for run in of_wave[:MAX_SERVERS]
        )
        rows.append(
            WaveRow(
                number,
                job_state(of_wave).value,
                counts(of_wave),
                number == state.wave and not state.over,
                servers,
                len(of_wave) - len(servers),
            )
        )
    return Waves(tuple(rows), first, len(numbers) - first - len(shown))
