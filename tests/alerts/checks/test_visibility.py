"""While we cannot see, no server counts as down."""

from __future__ import annotations

from tests.alerts.harness import (
    Message,
    World,
    bad,
    beat,
    blind,
    config,
    good,
    seeing,
    thing,
    web_1_is,
)

WEB_1 = thing("web-1")


WEB_2 = thing("web-2")


def test_blind_is_not_down() -> None:
    """While our own link is lost no server counts as down; each channel is notified once that we
    are blind. When we see again, heartbeats have time to come."""
    world = World(config('[[route]]\nmatch = "env=test"\nchannel = "test"'))
    for host in ("web-1", "web-2"):
        world.every(15, beat(host), first=0, last=300)
    world.at(301, blind(), blind("the database"))
    for channel in ("ops", "test"):
        world.want(Message(channel, "Monitoring has been blind since", "blind"), between=(331, 331))
    world.every(10, bad(WEB_1), first=310, last=1000)
    world.at(1001, seeing())
    world.at(1100, seeing("the database"))
    world.every(15, beat("web-1"), first=1110, last=2000)
    world.want(Message("ops", "silent web-2"), between=(1100 + 30, 1100 + 45 + 30))
    world.run(until=2000)
    posts = [post for key, post in world.posts.items() if key.startswith("blind/")]
    assert [post.content.state for post in posts] == ["resolved", "resolved"]
    assert "13 min" in posts[0].content.title


def test_what_was_not_notified_when_we_went_blind_waits_again() -> None:
    """It may have resolved unseen, so it is notified group_wait after we see again, if it still
    fires."""
    world = World()
    world.at(0, bad(WEB_1), bad(WEB_2))
    world.at(20, blind())
    world.at(45, seeing())
    world.at(50, good(WEB_1))
    world.want(Message("ops", "web-2"), between=(75, 75))
    world.run(until=500)


def test_a_blink_is_not_worth_a_word() -> None:
    world = World()
    world.every(15, beat("web-1"), first=0, last=600)
    world.at(301, blind())
    world.at(325, seeing())
    world.run(until=600)


def test_what_a_blind_engine_receives_is_kept() -> None:
    """What a sender decided is sent once: it counts when we see again."""
    world = World()
    world.at(0, bad(WEB_1, decided=True))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(100, blind())
    world.at(105, good(WEB_1, decided=True))
    world.at(110, seeing())
    world.at(111, lambda world: web_1_is(world, "resolved"))
    world.run(until=600)
