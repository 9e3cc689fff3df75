"""Signs of life: what a server sends besides its heartbeats."""

from __future__ import annotations

from collections.abc import Callable

from alerts.checks.heartbeats import Rhythm
from alerts.labels import Labels
from alerts.observation import LivenessSeen
from alerts.replay import dump_lines, load_lines
from tests.alerts.harness import START, Message, World, beat, blind, seeing


def sign(host: str) -> Callable[[World], object]:
    return lambda world: world.engine.observe(LivenessSeen(host, "prod", START + world.now))


def rhythm_of(world: World, host: str) -> Rhythm:
    labels = Labels.of({"alertname": "silent", "env": "prod", "host": host})
    rhythm = world.engine.checks.states[labels.fingerprint].rhythm
    assert rhythm is not None
    return rhythm


def test_who_answers_is_not_silent() -> None:
    """Answers keep a server up whose heartbeats do not come; once it sends nothing at all, it is
    down."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.every(20, sign("web-1"), first=310, last=600)
    world.want(Message("ops", "silent web-1", "firing"), between=(645, 690))
    world.run(until=1000)
    assert "no heartbeat for 5 min" in world.post("silent").rows[0][2]


def test_an_answer_ends_a_silence() -> None:
    """A server that counted as down and answers is up; the outage is not learned as an interval."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.want(Message("ops", "silent web-1", "firing"), between=(345, 390))
    world.at(600, sign("web-1"))
    world.every(15, beat("web-1"), first=610, last=1000)
    world.run(until=1000)
    assert world.post("silent").state == "resolved"
    assert set(rhythm_of(world, "web-1").gaps) == {15.0}


def test_signs_are_not_heartbeats() -> None:
    """They do not change the rhythm. They count for no server that never sent a heartbeat, or that
    is stopping."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.every(10, sign("web-1"), first=4, last=300)
    world.at(1, sign("web-2"))
    world.at(305, beat("web-1", leaving=True))
    world.at(306, sign("web-1"))
    world.want(Message("ops", "its agent was stopped"), between=(635, 635))
    world.run(until=1000)
    assert set(rhythm_of(world, "web-1").gaps) == {15.0}


def test_what_we_could_not_hear_is_no_rhythm() -> None:
    """After an hour of blindness a server that dies is notified as soon as before."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(301, blind())
    world.want(Message("ops", "blind", "blind"), between=(331, 331))
    world.at(4000, seeing())
    world.every(15, beat("web-1"), first=4005, last=5000)
    world.want(Message("ops", "silent web-1", "firing"), between=(5000, 5000 + 45 + 45))
    world.run(until=6000)
    assert max(rhythm_of(world, "web-1").gaps) == 15.0


def test_a_sign_is_recorded_like_everything_that_is_seen() -> None:
    """A sign of life is in recordings, so that a replay decides by it."""
    seen = LivenessSeen("web-1", "prod", START)
    assert load_lines(dump_lines([seen])) == [seen]
