"""What the bot found lately."""

from __future__ import annotations

from bot.findings import MAX_FINDINGS, Finding, RecentFindings


class Time:
    """A monotonic clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_findings_end_and_are_bounded() -> None:
    """What is not found again is over when its time has passed; of very many the newest stay."""
    time = Time()
    lately = RecentFindings(time)
    lately.add(Finding("clock", "off", {"host": "web-1"}, lasts=60, host="web-1", note="off"))
    assert lately.about("web-1") == ("off",)
    assert lately.about("web-2") == ()
    time.now += 61
    assert lately.all() == []
    for number in range(2 * MAX_FINDINGS):
        lately.add(Finding("identity", "no", {"host": str(number)}))
    assert [one.about["host"] for one in lately.all()] == [
        str(number) for number in range(2 * MAX_FINDINGS - 1, MAX_FINDINGS - 1, -1)
    ]
