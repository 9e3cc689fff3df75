"""What is stored, and read again."""

from __future__ import annotations

from alerts.changes import Changes
from tests.alerts.harness import (
    World,
    acknowledge,
    bad,
    thing,
)

WEB_1 = thing("web-1")


def test_changes_that_could_not_be_written_are_kept() -> None:
    """Of what was not stored, the later state of each row counts."""
    world = World()
    bad(WEB_1)(world)
    first = world.tick()
    acknowledge(WEB_1)(world)
    second = world.tick()
    both = first.merged(second)
    assert both.episodes[WEB_1.fingerprint, 1].acknowledged_by == "U_ANN"
    assert both.checks == first.checks
    assert not Changes()
    assert both
