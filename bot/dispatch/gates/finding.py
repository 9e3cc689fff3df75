"""What a gate says of an ask: it is open, it refuses, or it holds. Pure.

`text` is the sentence that people read: in a refusal, in the list of `--why`, in the notice of a
schedule that skips and of a wave that waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from bot.dispatch.policy import Refusal

GateName = Literal["permission", "freeze", "lock", "approval", "confirm", "settings", "waves"]


@dataclass(frozen=True, slots=True)
class Open:
    """The gate lets it through, for the reason in `text`. `broke` names the freezes that are broken
    for it; empty if none is."""

    gate: GateName
    text: str
    broke: str = ""
    ok: ClassVar[bool] = True
    whom: ClassVar[str] = ""
    until: ClassVar[datetime | None] = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate refuses it. `whom` is who can change that. `until` is when it ends by itself, if
    that is known. `verdict` is `refused`, or `undecided` if it cannot be known now."""

    gate: GateName
    text: str
    whom: str = ""
    until: datetime | None = None
    verdict: str = "refused"
    ok: ClassVar[bool] = False

    @property
    def refusal(self) -> Refusal:
        """Return it as whoever asks is told it."""
        return Refusal(self.text, self.verdict)


@dataclass(frozen=True, slots=True)
class Held:
    """The gate holds it: it starts by itself once `whom` have done what `text` says, and not after
    `until`."""

    gate: GateName
    text: str
    whom: str = ""
    until: datetime | None = None
    ok: ClassVar[bool] = False


Finding = Open | Refused | Held


def first_refusal(findings: Iterable[Finding]) -> Refused | None:
    """Return the first of `findings` that refuses; None if none does."""
    return next((one for one in findings if isinstance(one, Refused)), None)


def holds(findings: Iterable[Finding]) -> tuple[Held, ...]:
    """Return those of `findings` that hold."""
    return tuple(one for one in findings if isinstance(one, Held))


def state_of(finding: Finding) -> str:
    """Return `open`, `closed`, `waits` or `unknown`."""
    if isinstance(finding, Refused):
        return "closed" if finding.verdict == "refused" else "unknown"
    return "waits" if isinstance(finding, Held) else "open"
