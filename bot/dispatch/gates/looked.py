"""What the gatekeeper finds: the job that an ask would start, and what every gate says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dispatch.gates.finding import Finding, Held, Open, Refused, first_refusal, holds
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
    def broke(self) -> str:
        """Return the names of the freezes that are broken for it; empty if none is."""
        return next((one.broke for one in self.findings if isinstance(one, Open) and one.broke), "")

    @property
    def held(self) -> tuple[Held, ...]:
        """Return what the job has to wait for."""
        return holds(self.findings)
