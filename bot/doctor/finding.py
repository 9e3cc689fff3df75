"""What a check found, in a line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from baton.errors import BatonError
from baton.text.printable import printable


class Mark(StrEnum):
    """`NOTE` is worth knowing, `WARN` is most likely not what was meant, `FAIL` must be fixed."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was looked at, what was found, and how to fix it if need be."""

    mark: Mark
    what: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        text, fix = (" ".join(printable(each).split()) for each in (self.text, self.fix))
        what = printable(self.what)
        return f"{self.mark.value:<4}  {what:<9}  {text}{f'  Fix: {fix}' if fix else ''}"


def ok(what: str, text: str) -> CheckResult:
    """It is as it should be."""
    return CheckResult(Mark.OK, what, text)


def note(what: str, text: str, fix: str = "") -> CheckResult:
    """It works, and yet should be known."""
    return CheckResult(Mark.NOTE, what, text, fix)


def warn(what: str, text: str, fix: str = "") -> CheckResult:
    """It works, and most likely not as it was meant."""
    return CheckResult(Mark.WARN, what, text, fix)


def fail(what: str, error: BatonError | str, fix: str = "") -> CheckResult:
    """It does not work. Our own errors say themselves what to do."""
    return CheckResult(Mark.FAIL, what, str(error), fix)


def clocks(skews: Mapping[str, float], most: float) -> CheckResult:
    """Whether our clock agrees with others': `skews` are seconds that theirs are ahead of ours."""
    if not skews:
        return note("clock", "nobody was there to compare it with")
    name, worst = max(skews.items(), key=lambda item: abs(item[1]))
    if abs(worst) <= most:
        return ok("clock", f"within {max(abs(worst), 0.1):.1f} s of {', '.join(sorted(skews))}")
    way = "ahead of" if worst > 0 else "behind"
    return fail(
        "clock",
        f"{name} is {abs(worst):.0f} s {way} this machine: what is sent may expire too early",
        "set both clocks by NTP (Debian: apt install systemd-timesyncd).",
    )
