"""The plan of a job: what people were asked about. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from baton.bus.plans import Plan
from bot.jobs import Job


def plan_of(job: Job) -> Plan | None:
    """Return the plan of `job`; None if there is none, or if it cannot be read because another
    version wrote it."""
    try:
        return Plan.model_validate(job.plan) if job.plan else None
    except ValidationError:
        return None
