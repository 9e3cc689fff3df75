from __future__ import annotations

from datetime import datetime

from baton.bus.channel import Link
from bot.servers.inventory import FORGET_AFTER, LastHeartbeat
from bot.servers.registry import LINK_LOSS_GRACE, ServerRegistry
from tests.bot.build import T0, after
from tests.bot.world import beat, facts
from tests.support.servers import registry


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def at(self, seconds: float) -> None:
        self.now = after(seconds)


def seeing() -> tuple[ServerRegistry, Clock]:
    clock = Clock()
    roster = registry(clock)
    roster.link_changed(Link.UP)
    return roster, clock


def missing(roster: ServerRegistry) -> list[str]:
    return [seen.facts.host for seen in roster.servers() if seen.missing]


def test_three_missed_heartbeats_make_a_server_missing() -> None:
    """Not one late heartbeat, and not a minute later."""
    roster, clock = seeing()
    roster.record(beat("web-1", interval=15.0))
    clock.at(45)
    assert missing(roster) == []
    clock.at(46)
    assert missing(roster) == ["web-1"]
    assert roster.visibility().silent == {"web-1": T0}


def test_a_server_that_is_gone_for_good_is_forgotten() -> None:
    """A week after it was heard, when its inbox is gone too, no job is meant for it any more; but
    not because we could not hear it."""
    roster, clock = seeing()
    roster.record(beat("web-1"))
    clock.at(FORGET_AFTER)
    assert missing(roster) == ["web-1"]
    roster.link_changed(Link.DOWN)
    clock.at(FORGET_AFTER + 60)
    roster.link_changed(Link.UP)
    assert [seen.facts.host for seen in roster.servers()] == ["web-1"]
    clock.at(FORGET_AFTER + 120)
    assert roster.servers() == []


def test_a_server_that_says_good_bye_is_missing_at_once() -> None:
    """It was stopped, which is not the same as silent."""
    roster, clock = seeing()
    clock.at(5)
    roster.record(beat("web-1", leaving=True))
    assert missing(roster) == ["web-1"]
    assert (roster.visibility().left, roster.visibility().silent) == ({"web-1": after(5)}, {})


def test_silence_while_we_are_blind_counts_for_nothing() -> None:
    """Neither during an outage of our own link nor right after it are servers missing."""
    roster, clock = seeing()
    roster.record(beat("web-1", interval=15.0))
    clock.at(10)
    for link in (Link.DOWN, Link.BLOCKED):
        roster.link_changed(link)
    clock.at(500)
    assert missing(roster) == []
    roster.link_changed(Link.UP)
    clock.at(540)
    assert missing(roster) == []
    clock.at(546)
    assert missing(roster) == ["web-1"]


def test_a_link_that_blinks_is_not_worth_a_word() -> None:
    """Every open post would be edited, and back."""
    roster, clock = seeing()
    roster.link_changed(Link.BLOCKED)
    clock.at(LINK_LOSS_GRACE - 1)
    assert roster.visibility().blind_since is None
    clock.at(LINK_LOSS_GRACE)
    assert roster.visibility().blind_since == T0
    roster.link_changed(Link.UP)
    assert roster.visibility().blind_since is None


def test_a_server_that_moves_is_where_it_was_heard_last() -> None:
    """The last heartbeat counts, not the first environment."""
    roster, _ = seeing()
    roster.record(beat("web-1", "staging"))
    roster.record(beat("web-1", "prod"), proven=True)
    assert [seen.facts.environment for seen in roster.servers()] == ["prod"]


def test_what_was_heard_later_stays() -> None:
    """The database of another bot does not undo what we heard ourselves."""
    roster, clock = seeing()
    clock.at(100)
    roster.record(beat("web-1", "prod"))
    roster.load(
        [LastHeartbeat(facts("web-1", "old"), T0, 15.0), LastHeartbeat(facts("web-2"), T0, 15.0)]
    )
    environments = {seen.facts.host: seen.facts.environment for seen in roster.servers()}
    assert environments == {"web-1": "prod", "web-2": "prod"}
