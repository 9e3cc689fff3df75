"""How much a front end allows: new posts in each channel, edits in all of them together."""

from __future__ import annotations

import pytest

from bot.fronts.protocol import Limits
from bot.posts.rate_limits import RateLimits

LIMITS = Limits(post_every=2.0, post_burst=3, edits_per_minute=60, edit_every=2.0)


def test_each_channel_has_posts_of_its_own() -> None:
    """A burst, then one in so many seconds; another channel is not affected."""
    limits = RateLimits.of(LIMITS, 0.0)
    for _ in range(3):
        assert limits.channel("C_OPS", 0.0).wait(0.0) == 0.0
        limits.channel("C_OPS", 0.0).take(0.0)
    assert limits.channel("C_OPS", 0.0).wait(0.0) == pytest.approx(2.0)
    assert limits.channel("C_OPS", 1.5).wait(1.5) == pytest.approx(0.5)
    assert limits.channel("C_WEB", 0.0).wait(0.0) == 0.0


def test_edits_are_shared_by_all_channels() -> None:
    """A quarter of a minute's edits at once, then as many a minute as the front end allows."""
    limits = RateLimits.of(LIMITS, 0.0)
    for _ in range(15):
        assert limits.edits.wait(0.0) == 0.0
        limits.edits.take(0.0)
    assert limits.edits.wait(0.0) == pytest.approx(1.0)
