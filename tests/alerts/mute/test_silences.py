"""Silences, which people create."""

from __future__ import annotations

from tests.alerts.harness import (
    START,
    Message,
    World,
    bad,
    config,
    good,
    silence,
    text_of,
    thing,
)

WEB_1 = thing("web-1")


WEB_2 = thing("web-2")


WEB_3 = thing("web-3")


def _says(world: World, text: str) -> None:
    assert text in text_of(world.post("web-1"))


def _now(world: World) -> float:
    return START + world.now


def test_silence() -> None:
    """A silenced alert is not notified until the silence ends, and then only if it still fires."""
    world = World()
    world.at(0, silence("host=web-1", 600), silence("host=web-2", 600))
    world.at(10, bad(WEB_1), bad(WEB_2), bad(WEB_3))
    world.want(Message("ops", "web-3"), between=(40, 40))
    world.at(300, good(WEB_2))
    world.want(Message("ops", "web-1"), between=(630, 630))
    world.run(until=5000)


def test_what_resolves_in_silence_is_never_shown() -> None:
    """It does not appear in the post of its group either, which only counts it while it fires."""
    world = World(config(group_by=["env"]))
    world.at(0, silence("host=web-2", 6000))
    world.at(10, bad(WEB_1), bad(WEB_2))
    world.want(Message("ops", "web-1", rows=1), between=(40, 40))
    world.at(50, lambda world: _says(world, "1 more not shown: silenced by U_ANN: disk"))
    world.at(100, good(WEB_2))
    world.run(until=1000)
    assert "web-2" not in text_of(world.post("web-1"))


def test_a_silence_is_lifted() -> None:
    world = World()
    world.at(0, silence("host=web-1", 6000))
    world.at(10, bad(WEB_1))
    world.at(100, lambda world: world.engine.unsilence(world.engine.silences()[0].id, _now(world)))
    world.want(Message("ops", "web-1"), between=(130, 130))
    world.run(until=5000)


def test_silencing_what_was_notified() -> None:
    """The post says that it is silenced, by whom and why; it is not repeated meanwhile."""
    world = World(config(repeat_interval="1h"))
    world.at(0, bad(WEB_1))
    world.want(Message("ops", "web-1"), between=(30, 30))
    world.at(60, silence("host=web-1", 7200))
    world.at(61, lambda world: _says(world, "silenced by U_ANN: disk"))
    world.want(Message("ops", "Still firing"), between=(7260, 7260))
    world.run(until=8000)
