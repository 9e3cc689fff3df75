"""What the bot asked of the Web API, kept for the test to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from baton_slack_testing.args import Args
from baton_slack_testing.errors import Json


@dataclass(slots=True, eq=False)
class Call:
    """One call: `at` on the monotonic clock; no answer if a fault kept the work from being done."""

    method: str
    args: Args
    at: float
    answer: Json | None = None
    fault: object | None = None

    @property
    def ok(self) -> bool:
        """The work was done."""
        return self.answer is not None and self.answer["ok"] is True

    @property
    def error(self) -> str | None:
        """Slack's word for what was wrong."""
        return None if self.answer is None else self.answer.get("error")


class Calls(list[Call]):
    """The calls in order, and `counts` by method, which are kept also when calls are not."""

    def __init__(self, *, record: bool) -> None:
        super().__init__()
        self.record = record
        self.counts: Counter[str] = Counter()

    def note(self, call: Call) -> None:
        """Keep a call."""
        self.counts[call.method] += 1
        if self.record:
            self.append(call)

    def to(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self if call.method == method]
