"""Two agents of one name, clocks that disagree, servers that move: people are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from alerts import Severity
from baton.bus.channel import Link
from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat
from bot.servers.anomalies import MAX_SKEW, SHOWN_FOR
from bot.servers.registry import LINK_SETTLE_TIME, ServerRegistry
from tests.bot.build import after
from tests.bot.servers.test_registry import Clock
from tests.bot.world import beat
from tests.support.servers import RecordedFindings, make_registry

if TYPE_CHECKING:
    pass


def registry(*, live: bool = False) -> tuple[ServerRegistry, Clock, RecordedFindings]:
    clock, told = Clock(), RecordedFindings()
    made = make_registry(clock, told)
    made.link_changed(Link.UP)
    clock.at(LINK_SETTLE_TIME + 1 if live else 0)
    return made, clock, told


def life(host: str, started: float, pid: int = 1, **changes: Any) -> Heartbeat:
    facts = Facts(host=host, environment="prod", started=after(started), details={"pid": pid})
    return beat(host, **{"facts": facts, **changes})


def test_a_server_moves_by_its_own_account_and_people_are_told() -> None:
    """Never in silence."""
    made, _, told = registry()
    assert made.record(beat("web-1"))
    assert made.record(beat("web-1", "staging"), proven=True)
    assert [seen.facts.environment for seen in made.servers()] == ["staging"]
    assert [(one.name, one.severity) for one in told.all] == [("moved", Severity.WARNING)]


def test_a_server_that_people_have_forgotten_comes_back_as_it_says() -> None:
    """So a move that cannot be proven is confirmed."""
    made, clock, told = registry()
    made.record(beat("web-1"))
    made.forget("web-1", clock())
    assert made.servers() == []
    assert made.record(beat("web-1", "staging"))
    assert [seen.facts.environment for seen in made.servers()] == ["staging"]
    assert told.all == []
    clock.at(60)
    made.record(beat("web-1", "staging", time=clock()))
    made.forget("web-1", after(30))
    assert made.servers() != [], "it was heard after that"


def test_two_agents_of_one_name_are_told() -> None:
    """Their heartbeats take turns, whatever their clocks say."""
    for one, other in (
        (life("web-1", 0), life("web-1", 5)),
        (life("web-1", 0), life("web-1", 0, 2)),
    ):
        made, clock, told = registry()
        made.record(one)
        made.record(other)
        assert told.all == [], "a restart"
        made.record(one)
        assert [(each.name, each.severity) for each in told.all] == [("twins", Severity.CRITICAL)]
        assert made.servers()[0].notes == ("two agents use this name",)
        clock.at(SHOWN_FOR + 10)
        assert made.servers()[0].notes == (), "one of them was stopped"


def test_restarts_are_no_twins() -> None:
    """Nor is what comes again after a lost connection, or the last word of the one before."""
    made, _, told = registry()
    for number in range(10):
        made.record(life("web-1", number, number))
        made.record(life("web-1", number, number))
    made.record(life("web-1", 8, 8), again=True)
    made.record(life("web-1", 8, 8, leaving=True))
    made.record(beat("web-1"))
    assert told.all == []


def sent(clock: Clock, skew: float, host: str = "web-1") -> Heartbeat:
    return beat(host, time=clock() + timedelta(seconds=skew))


@pytest.mark.parametrize(
    ("skew", "note"), [(302, "clock 5 min 2 s ahead"), (-302, "clock 5 min 2 s behind"), (20, "")]
)
def test_a_clock_that_is_off_is_named(skew: float, note: str) -> None:
    """In the list of servers, and as an alert."""
    made, clock, told = registry(live=True)
    made.record(sent(clock, skew))
    made.record(sent(clock, skew))
    assert made.servers()[0].notes == ((note,) if note else ())
    assert set(told.names) == ({"clock"} if note else set())
    made.record(sent(clock, 0))
    made.record(sent(clock, 0))
    assert made.servers()[0].notes == ()


def test_a_heartbeat_that_waited_says_nothing_of_the_clock() -> None:
    """On the bus while we were away, or once on its way: only what is late each time is behind."""
    made, clock, told = registry(live=True)
    made.link_changed(Link.DOWN)
    made.link_changed(Link.UP)
    made.record(sent(clock, -59))
    made.record(sent(clock, -45))
    clock.at(60)
    made.record(sent(clock, -50))
    made.record(sent(clock, -1))
    made.record(sent(clock, -50), again=True)
    assert told.all == []
    assert made.servers()[0].notes == ()


def test_if_most_clocks_differ_it_is_ours() -> None:
    """A bot whose own clock is off does not call every server wrong."""
    made, clock, told = registry(live=True)
    for host in ("web-1", "web-2", "web-3", "web-4"):
        made.record(sent(clock, MAX_SKEW + 10, host))
    assert told.all[-1].about == {"host": "the bot"}
    assert "is 40 s behind those of 4 of 4 servers" in told.all[-1].text
