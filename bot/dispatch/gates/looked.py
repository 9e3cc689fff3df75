"""What the gatekeeper finds: the job that an ask would start, and what every gate says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dispatch.gates.finding import Finding, Held, Refused, first_refusal, holds
from bot.jobs import NewJob


@dataclass(frozen=True, slots=True)
class Looked:
    """The job that an ask would start, and what every gate says of it."""

    new: NewJob
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> Refused | None:
        """Return the first refusal; None if no gate refuses."""
        return first_refusal(self.findings)

    @property
    def held(self) -> tuple[Held, ...]:
        """Return what the job has to wait for."""
        return holds(self.findings)
