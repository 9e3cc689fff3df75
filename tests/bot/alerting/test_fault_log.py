"""Faults of one thing: counted each time, logged once a minute."""

from __future__ import annotations

from structlog.testing import capture_logs

from bot.alerting.fault_log import LOG_INTERVAL, FaultLog


def test_the_same_fault_is_logged_once_a_minute() -> None:
    """Another part, or another error, is another fault."""
    now = [0.0]
    faults = FaultLog(lambda: now[0])
    with capture_logs() as logs:
        for _ in range(3):
            faults.add("a check failed", ValueError("x"), part="web-1")
        faults.add("a check failed", ValueError("x"), part="web-2")
        faults.add("a check failed", KeyError("x"), part="web-1")
        assert len(logs) == 3
        now[0] += LOG_INTERVAL
        faults.add("a check failed", ValueError("y"), part="web-1")
    assert len(logs) == 4
    assert faults.count == 6
