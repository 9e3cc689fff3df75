"""Checks are programs that an agent's own settings name, such as the plugins of Nagios.

Exit code 0 is healthy, every other is not. The first line of the output is reported; what is
written to stderr only if there is no other.

monitoring-plugins.org/doc/guidelines.html, “Plugin Return Codes”
"""

from __future__ import annotations

from pathlib import Path

from baton.agent.probing import ProbeResult
from baton.agent.settings import CheckTable
from baton.errors import Failed
from baton.process.program import Ended, Program, execute

WORDS = {1: "warning", 2: "critical", 3: "unknown"}
"""What a plugin of Nagios means by its exit code."""
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL for one that takes too long."""
MEASURED = "|"
"""What follows it in a line is for programs that draw curves."""


async def run_check(check: CheckTable, timeout: float) -> ProbeResult:
    """Return what `check` finds within its own timeout, and at most `timeout` seconds."""
    output, errors = _First(), _First()
    within = min(check.timeout, timeout)
    program = Program(
        check.command,
        Path("/"),
        timeout=within,
        grace=GRACE,
        whole_lines=True,
        complains=errors.told,
    )
    try:
        ended = await execute(program, output.told)
    except Failed as error:
        return ProbeResult(True, str(error))
    return result_of(Ended(ended.code, ended.last or errors.line), output.line or errors.line)


class _First:
    """This keeps the first line that is not blank."""

    def __init__(self) -> None:
        self.line = ""

    def told(self, lines: str) -> None:
        """Receive some more lines."""
        if not self.line:
            self.line = next((line for line in lines.split("\n") if line.strip()), "")


def result_of(ended: Ended, line: str) -> ProbeResult:
    """Return what the end of a program means whose first line is `line`. Pure."""
    line = line.partition(MEASURED)[0].strip()
    if ended.well:
        return ProbeResult(False, line)
    word = WORDS.get(ended.code, "")
    if not word or not line:
        how = str(Ended(ended.code, line))
        return ProbeResult(True, f"{how} ({word})" if word else how)
    return ProbeResult(True, line if word in line.lower() else f"{word}: {line}")
