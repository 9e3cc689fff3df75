"""A job and its runs, read as a rollout. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from baton.bus.messages import State
from bot.job_plans import plan_of
from bot.jobs import Job, RunRecord, last_attempts
from bot.rollout.state import RolloutState
from bot.rollout.values import Member, Reading, Rollout

_NOTHING: Mapping[str, Reading] = MappingProxyType({})


def rollout_of(
    job: Job, runs: Sequence[RunRecord], readings: Mapping[str, Reading] = _NOTHING
) -> Rollout:
    """Return how far the rollout of `job` is; `readings` is what is known of its servers."""
    state = _state(job)
    members = [
        Member(
            run.host,
            state.waves.get(run.host, 1 if run.state is State.HELD else 0),
            run.state,
            held=run.state is State.HELD or run.host in state.skipped,
            sick=run.host in state.sick,
            skipped=run.host in state.skipped,
            finished=run.finished,
            started=run.started,
        )
        for run in last_attempts(runs)
    ]
    return Rollout.of(state, members, readings, irreversible=_is_irreversible(job))


def _state(job: Job) -> RolloutState:
    assert job.hold is not None, job.id
    assert job.hold.rollout is not None, job.id
    return job.hold.rollout


def _is_irreversible(job: Job) -> bool:
    plan = plan_of(job)
    if plan is None:
        return bool(job.plan)  # written by another version: nobody knows
    return any(group.irreversible for group in plan.servers)
