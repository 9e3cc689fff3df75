from __future__ import annotations

from datetime import datetime

from baton.bus.channel import Link
from bot.servers.inventory import FORGET_AFTER, LastHeartbeat
from bot.servers.registry import LINK_LOSS_GRACE, ServerRegistry
from tests.bot.build import T0, after
from tests.bot.world import beat, facts
from tests.support.servers import make_registry


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def at(self, seconds: float) -> None:
        self.now = after(seconds)


def seeing() -> tuple[ServerRegistry, Clock]:
    clock = Clock()
    registry = make_registry(clock)
    registry.link_changed(Link.UP)
    return registry, clock


def missing(registry: ServerRegistry) -> list[str]:
    return [seen.facts.host for seen in registry.servers() if seen.missing]


def test_three_missed_heartbeats_make_a_server_missing() -> None:
    """Not one late heartbeat, and not a minute later."""
    registry, clock = seeing()
    registry.record(beat("web-1", interval=15.0))
    clock.at(45)
    assert missing(registry) == []
    clock.at(46)
    assert missing(registry) == ["web-1"]
    assert registry.visibility().silent == {"web-1": T0}


def test_a_server_that_is_gone_for_good_is_forgotten() -> None:
    """A week after it was heard, when its inbox is gone too, no job is meant for it any more; but
    not because we could not hear it."""
    registry, clock = seeing()
    registry.record(beat("web-1"))
    clock.at(FORGET_AFTER)
    assert missing(registry) == ["web-1"]
    registry.link_changed(Link.DOWN)
    clock.at(FORGET_AFTER + 60)
    registry.link_changed(Link.UP)
    assert [seen.facts.host for seen in registry.servers()] == ["web-1"]
    clock.at(FORGET_AFTER + 120)
    assert registry.servers() == []


def test_a_server_that_says_good_bye_is_missing_at_once() -> None:
    """It was stopped, which is not the same as silent."""
    registry, clock = seeing()
    clock.at(5)
    registry.record(beat("web-1", leaving=True))
    assert missing(registry) == ["web-1"]
    assert (registry.visibility().left, registry.visibility().silent) == ({"web-1": after(5)}, {})


def test_silence_while_we_are_blind_counts_for_nothing() -> None:
    """Neither during an outage of our own link nor right after it are servers missing."""
    registry, clock = seeing()
    registry.record(beat("web-1", interval=15.0))
    clock.at(10)
    for link in (Link.DOWN, Link.BLOCKED):
        registry.link_changed(link)
    clock.at(500)
    assert missing(registry) == []
    registry.link_changed(Link.UP)
    clock.at(540)
    assert missing(registry) == []
    clock.at(546)
    assert missing(registry) == ["web-1"]


def test_a_link_that_blinks_is_not_worth_a_word() -> None:
    """Every open post would be edited, and back."""
    registry, clock = seeing()
    registry.link_changed(Link.BLOCKED)
    clock.at(LINK_LOSS_GRACE - 1)
    assert registry.visibility().blind_since is None
    clock.at(LINK_LOSS_GRACE)
    assert registry.visibility().blind_since == T0
    registry.link_changed(Link.UP)
    assert registry.visibility().blind_since is None


def test_a_server_that_moves_is_where_it_was_heard_last() -> None:
    """The last heartbeat counts, not the first environment."""
    registry, _ = seeing()
    registry.record(beat("web-1", "staging"))
    registry.record(beat("web-1", "prod"), proven=True)
    assert [seen.facts.environment for seen in registry.servers()] == ["prod"]


def test_what_was_heard_later_stays() -> None:
    """The database of another bot does not undo what we heard ourselves."""
    registry, clock = seeing()
    clock.at(100)
    registry.record(beat("web-1", "prod"))
    registry.load(
        [LastHeartbeat(facts("web-1", "old"), T0, 15.0), LastHeartbeat(facts("web-2"), T0, 15.0)]
    )
    environments = {seen.facts.host: seen.facts.environment for seen in registry.servers()}
    assert environments == {"web-1": "prod", "web-2": "prod"}
