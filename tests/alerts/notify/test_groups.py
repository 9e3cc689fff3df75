"""Groups, as in Alertmanager: alerts share a post, and messages wait."""

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


WEB_3 = thing("web-3")


def test_resolved_before_it_was_notified() -> None:
    """An alert that resolves before the first flush is never notified."""
    world = World()
    world.at(0, bad(WEB_1))
    world.at(29, good(WEB_1))
    world.run(until=5000)
    assert world.posts == {}


def test_grouping() -> None:
    """Alerts with the same values of group_by share a post, one message for all."""
    world = World(config(group_by=["env", "alertname"]))
    world.at(0, bad(WEB_1))
    world.at(10, bad(WEB_2), bad(WEB_3), bad(thing("db-1", name="tcp")))
    world.want(Message("ops", "http in prod: 3 alerts", rows=3), between=(30, 30))
    world.want(Message("ops", "tcp db-1"), between=(40, 40))
    world.run(until=1000)


def test_what_joins_later_waits_for_the_interval() -> None:
    """The post shows a new alert at once; people are notified of it group_interval after the last
    message."""
    world = World(config(group_by=["env"]))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, bad(WEB_2))
    world.at(61, lambda world: world.post("web-2"))
    world.want(Message("ops", "Also firing: http web-2 in prod"), between=(330, 330))
    world.run(until=5000)


def test_what_joins_and_resolves_between_is_no_message() -> None:
    world = World(config(group_by=["env"]))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, bad(WEB_2))
    world.at(90, good(WEB_2))
    world.run(until=5000)


def test_repeated() -> None:
    """An alert that nobody acknowledges is repeated after repeat_interval."""
    world = World(config(repeat_interval="1h"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.want(Message("ops", "Still firing: 1"), between=(3630, 3630))
    world.want(Message("ops", "Still firing: 1"), between=(7230, 7230))
    world.run(until=10_000)


def test_acknowledged_is_not_repeated() -> None:
    """An acknowledged episode is not repeated, and its post says who acknowledged it."""
    world = World(config(repeat_interval="1h"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, acknowledge(WEB_1))
    world.run(until=100_000)
    assert world.post("web-1").state == "acknowledged"
    assert "acknowledged by U_ANN" in text_of(world.post("web-1"))


def test_a_new_trigger_is_a_new_episode() -> None:
    """An alert that fires again after its end is the next episode: within the interval in the same
    post, then in a new one."""
    world = World()
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(100, good(WEB_1))
    world.at(200, bad(WEB_1))
    world.want(Message("ops", "Also firing: http web-1"), between=(330, 330))
    world.at(400, good(WEB_1))
    world.at(2000, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(2030, 2030))
    world.run(until=3000)
    (episode,) = world.engine.firing()
    assert episode.number == 3
    assert {key for key in world.posts if not world.posts[key].parent} == {
        f"alert/{key}/{number}"
        for key in [next(iter(world.posts)).split("/")[1]]
        for number in (1, 2)
    }


def test_getting_worse_is_news() -> None:
    """A warning that becomes critical is notified again, mentions people on call, and must be
    acknowledged again."""
    world = World(config(mention="@oncall"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1", mention=""), between=(30, 30))
    world.at(60, acknowledge(WEB_1))
    world.at(400, bad(WEB_1, severity="critical"))
    world.want(Message("ops", "web-1", "firing", mention="@oncall"), between=(400, 400))
    world.run(until=5000)
