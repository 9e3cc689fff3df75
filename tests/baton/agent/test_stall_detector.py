"""Whether the process stood still."""

from __future__ import annotations

import asyncio

from baton.agent.stall_detector import RECOVERY_TIME, STALL_THRESHOLD, StallDetector
from tests.baton.agent.hands import Hands


def test_a_short_delay_is_no_standing_still() -> None:
    """A loop that is busy for a moment refuses nothing."""
    hands = Hands()
    stalls = StallDetector(hands)
    hands.at += STALL_THRESHOLD - 0.1
    assert stalls.seconds == 0
    hands.at += STALL_THRESHOLD + 0.1
    assert stalls.seconds > STALL_THRESHOLD
    hands.at += RECOVERY_TIME + 0.1
    assert stalls.seconds == 0


async def test_it_is_noticed_before_what_was_read_late_is_decided() -> None:
    """Whether the clock was looked at in between or not."""
    hands = Hands()
    stalls = StallDetector(hands)
    stalls.start()
    hands.at += 30
    stalls.check()
    await asyncio.sleep(0)
    assert stalls.seconds == 30
    stalls.stop()
