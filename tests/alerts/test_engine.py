"""What people ask of the engine, and what it drops."""

from __future__ import annotations

import pytest

from alerts import Engine
from alerts.labels.matchers import Matchers
from alerts.observation import CheckIn, Sample
from baton.errors import UsageError
from tests.alerts.harness import (
    START,
    World,
    bad,
    config,
    thing,
)

WEB_1 = thing("web-1")


def test_what_people_must_not_ask() -> None:
    """A silence must not match everything, and needs a reason and a duration."""
    engine = Engine(config())
    for matchers, seconds, reason in (
        ("", 60, "x"),
        ("a!=b", 60, "x"),
        ("a=b", 0, "x"),
        ("a=b", 60, " "),
    ):
        with pytest.raises(UsageError):
            engine.silence(Matchers.parse(matchers), seconds, "U_ANN", reason, START)
    with pytest.raises(UsageError, match="no silence"):
        engine.unsilence("nothing", START)
    with pytest.raises(UsageError, match="no check-in called backup"):
        engine.observe(CheckIn("backup", START))


def test_a_preview_of_what_a_silence_would_mute() -> None:
    world = World()
    for host in ("web-1", "web-2", "db-1"):
        bad(thing(host))(world)
    meant = world.engine.matched_by(Matchers.parse('host=~"web-.*"'))
    assert [one.labels.get("host") for one in meant] == ["web-1", "web-2"]


def test_what_was_decided_long_ago_is_forgotten() -> None:
    """A healthy check whose sender decides is dropped after a week, and its next episode has the
    next number."""
    world = World()
    bad(WEB_1, decided=True)(world)
    world.live(100)
    world.at(
        200, lambda world: world.engine.observe(Sample(WEB_1, False, START + 200, decided=True))
    )
    world.live(9 * 86400)
    assert world.engine.checks.states == {}
    assert [row.forgotten for row in world.rows.checks] == [True]
    world.restart()
    bad(WEB_1, decided=True)(world)
    assert [one.number for one in world.engine.firing()] == [2]
