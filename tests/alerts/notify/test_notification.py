"""What the posts show."""

from __future__ import annotations

from tests.alerts.harness import (
    Message,
    World,
    acknowledge,
    bad,
    config,
    good,
    text_of,
    thing,
)

WEB_1 = thing("web-1")


WEB_2 = thing("web-2")


def test_the_board_shows_what_is_wrong_now() -> None:
    """A board is one post with everything that fires in its channel; it disturbs nobody."""
    world = World(config(board=["ops"]))
    world.at(0, bad(WEB_1), bad(WEB_2))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "web-2"), between=(30, 30))
    world.at(40, lambda world: world.post("2 active alerts"))
    world.at(50, good(WEB_1))
    world.run(until=100)
    assert "web-2" in text_of(world.post("1 active alert"))


def test_history_is_in_the_thread() -> None:
    """The thread of a post has its history, and that disturbs nobody."""
    world = World()
    world.at(0, bad(WEB_1, "status 502"))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, acknowledge(WEB_1))
    world.at(100, good(WEB_1))
    world.run(until=1000)
    (history,) = [post for key, post in world.posts.items() if key.endswith("/history")]
    assert not history.broadcast
    assert [line.split(" UTC ")[1] for line in history.content.lines] == [
        "http web-1 in prod started firing: status 502",
        "U_ANN acknowledged http web-1 in prod",
        "http web-1 in prod resolved after 1 min 40 s",
    ]
