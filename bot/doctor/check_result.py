"""The result of a check, in one line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from baton.errors import BatonError
from baton.extensions import Commands
from baton.text.printable import printable


class Mark(StrEnum):
    """`NOTE` is worth knowing, `WARN` is probably not what was intended, `FAIL` must be fixed."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, the result, and how to fix it."""

    mark: Mark
    what: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        text, fix = (" ".join(printable(each).split()) for each in (self.text, self.fix))
        what = printable(self.what)
        return f"{self.mark.value:<4}  {what:<9}  {text}{f'  Fix: {fix}' if fix else ''}"


def ok(what: str, text: str) -> CheckResult:
    """Return a result that is as it should be."""
    return CheckResult(Mark.OK, what, text)


def note(what: str, text: str, fix: str = "") -> CheckResult:
    """Return a result that works and is worth knowing."""
    return CheckResult(Mark.NOTE, what, text, fix)


def warn(what: str, text: str, fix: str = "") -> CheckResult:
    """Return a result that works, and probably not as intended."""
    return CheckResult(Mark.WARN, what, text, fix)


def fail(what: str, error: BatonError | str, fix: str = "") -> CheckResult:
    """Return a failure. Our own errors say themselves what to do."""
    return CheckResult(Mark.FAIL, what, str(error), fix)


def left_out(commands: Commands) -> list[CheckResult]:
    """Return a failure for each installed command that is not used. One that only has the name of
    a command of Baton's own takes nothing from that."""
    found = []
    for name, reason in commands.broken.items():
        if name in commands:
            text, fix = f"another command {name} is not used", "uninstall or rename the other one."
        else:
            text, fix = f"{name} was not loaded", "repair or uninstall it."
        found.append(fail("extension", f"{text}: {reason}", fix))
    return found


def clocks(skews: Mapping[str, float], most: float) -> CheckResult:
    """Compare our clock with others': `skews` are seconds that theirs are ahead of ours."""
    if not skews:
        return note("clock", "no other clock responded to compare with")
    name, worst = max(skews.items(), key=lambda item: abs(item[1]))
    if abs(worst) <= most:
        return ok("clock", f"within {max(abs(worst), 0.1):.1f} s of {', '.join(sorted(skews))}")
    way = "ahead of" if worst > 0 else "behind"
    return fail(
        "clock",
        f"{name} is {abs(worst):.0f} s {way} this machine: requests may expire too early",
        "synchronize both clocks with NTP (Debian: apt install systemd-timesyncd).",
    )
