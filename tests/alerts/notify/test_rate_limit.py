"""A channel gets at most so many messages."""

from __future__ import annotations

from tests.alerts.harness import (
    World,
    bad,
    config,
    good,
    text_of,
    thing,
)


def test_a_storm_makes_five_messages() -> None:
    """A thousand alerts in a minute make at most five messages in a channel, which say how many
    more there are; critical ones have posts of their own first."""
    world = World(config(mention="@oncall"))
    for count in range(1000):
        severity = "critical" if count == 777 else "warning"
        world.at(count // 20 * 1.2, bad(thing(f"web-{count}"), severity=severity))
    world.at(31, World.tick, World.restart)
    world.live(until=120)
    assert world.heard[4][1].content.title.startswith("Alert storm")
    assert len([when for when, _ in world.heard if when < 90]) == 5
    for first, _ in world.heard:
        assert sum(first <= when < first + 60 for when, _ in world.heard) <= 5
    called = [notification for _, notification in world.heard if notification.content.mention]
    assert len(called) == 1
    assert "web-777" in text_of(called[0].content)
    storm = world.post("Alert storm")
    assert "and 9" in "".join(storm.lines)
    assert len(storm.rows) == 20
    for count in range(1000):
        world.at(200 + count // 100, good(thing(f"web-{count}")))
    world.live(until=5000)
    assert world.post("Alert storm").state == "resolved"
    assert all(post.content.state == "resolved" for post in world.posts.values() if not post.parent)
