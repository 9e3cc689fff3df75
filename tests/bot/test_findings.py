"""What the bot found lately."""

from __future__ import annotations

from bot.findings import MAX_FINDINGS, Finding, RecentFindings


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
    found = parts(replace(WELL, findings=tuple("x" * 1000 for _ in range(9))))[-1]
    assert found.well
    assert "And 6 more" in found.words
    assert len(found.words) < 1000
