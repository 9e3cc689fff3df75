"""Stories that span the stages: an alert from its first sample to its end, restarts, reloads."""

from __future__ import annotations

from tests.alerts.harness import (
    Message,
    World,
    acknowledge,
    bad,
    beat,
    config,
    good,
    reload,
    restart,
    silence,
    thing,
)

WEB_1 = thing("web-1")
WEB_2 = thing("web-2")
WEB_3 = thing("web-3")


def test_one_alert_from_firing_to_resolved() -> None:
    """A group is notified group_wait after its first alert; the same post shows that it is
    resolved."""
    world = World()
    world.at(0, bad(WEB_1, "status 502"))
    world.want(Message("ops", "http web-1 in prod", "firing"), between=(30, 30))
    world.at(750, good(WEB_1))
    world.run(until=5000)
    post = world.post("web-1")
    assert post.state == "resolved"
    assert post.lines == ("resolved after 12 min 30 s",)
    assert post.rows[0][2] == "was: status 502"
    assert post.buttons == ()


def test_restarts_say_nothing_twice() -> None:
    """A restart at any time continues from the rows: the same messages, at the same times, as
    without it."""
    for when in range(1, 700, 13):
        world = World(config(group_by=["env"], repeat_interval="10m", mention="@oncall"))
        world.at(0, bad(WEB_1, severity="critical"))
        world.at(0, silence("host=web-3", 400))
        world.at(5, bad(WEB_3))
        world.want(Message("ops", "web-1", mention="@oncall"), between=(30, 30))
        world.at(100, bad(WEB_2))
        world.want(Message("ops", "Also firing: http web-2", mention=""), between=(330, 330))
        world.at(when, World.tick, World.restart)
        world.at(700, acknowledge(WEB_1))
        world.at(701, acknowledge(WEB_2))
        world.want(Message("ops", "Also firing: http web-3"), between=(630, 630))
        world.at(702, acknowledge(WEB_3))
        world.run(until=3000)


def test_a_restart_has_a_grace() -> None:
    """After a restart no server counts as down for heartbeats that we could not receive."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(301, lambda world: world.tick())
    world.live(until=301)
    world.now = 900.0
    restart(world)
    world.every(15, beat("web-1"), first=910, last=2000)
    world.run(until=2000)


def test_a_restart_after_one_heartbeat() -> None:
    """A server that sent one heartbeat before a restart, and none after it, is missed all the
    same."""
    world = World()
    world.at(0, beat("web-1"), World.tick, restart)
    world.want(Message("ops", "silent web-1"), between=(75, 75))
    world.run(until=1000)


def test_a_reload_moves_what_fires() -> None:
    """After a change of routes an alert is notified where it belongs now, and its old post says
    so."""
    world = World()
    world.at(0, bad(WEB_1), bad(WEB_2))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "web-2"), between=(30, 30))
    more = '[[route]]\nmatch = "host=web-1"\nchannel = "web"\n'
    world.at(100, reload(config(more)))
    world.want(Message("web", "web-1"), between=(130, 130))
    world.run(until=1000)


def test_the_wall_clock_jumps() -> None:
    """A jump of the wall clock changes the times that are shown, and no decision."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=2000)

    def jump(world: World) -> None:
        world.skew = 86400.0

    world.at(500, jump)
    world.at(600, bad(WEB_2))
    world.want(Message("ops", "web-2"), between=(630, 630))
    world.run(until=2000)
