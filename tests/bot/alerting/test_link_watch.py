"""Our own links: while one is down the engine is blind."""

from __future__ import annotations

from datetime import UTC, datetime

from alerts import Engine
from alerts.replay import LinkChange
from bot.alerting.fault_log import FaultLog
from bot.alerting.link_watch import LinkWatch
from bot.alerting.recorder import Recorder
from tests.bot.alerting.world import settings

AT = 1_800_000_000.0


class Recorded(Recorder):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(lambda: None, lambda: datetime.fromtimestamp(AT, UTC))
        self.changes: list[object] = []

    def add(self, seen: object) -> None:
        self.changes.append(seen)


def test_a_link_whose_check_fails_counts_as_down() -> None:
    """It is a fault, and no reason to believe that we see anything."""
    engine, recorded, faults = Engine(settings()), Recorded(), FaultLog(lambda: AT)
    up = {"Slack": True}

    def broken() -> bool:
        raise RuntimeError("a fault")

    watch = LinkWatch({"Slack": lambda: up["Slack"], "other": broken}, recorded, faults)
    watch.check(engine, AT)
    assert engine.blind_since == AT
    assert faults.count == 1
    watch.check(engine, AT + 1)
    up["Slack"] = False
    watch.check(engine, AT + 2)
    assert recorded.changes == [
        LinkChange("Slack", True, AT),
        LinkChange("other", False, AT),
        LinkChange("Slack", False, AT + 2),
    ], "changes only"
