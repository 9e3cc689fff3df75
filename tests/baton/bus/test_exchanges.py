"""Names on the bus."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from baton.bus import exchanges
from baton.bus.exchanges import command_key, host_key, key_word, output_key


def test_the_names_of_the_wire() -> None:
    """Operators and other programs know these names; they must not drift."""
    assert {exchange.name: exchange.kind for exchange in exchanges.EXCHANGES} == {
        "baton.in": "topic",
        "baton.out": "topic",
        "baton.dead": "topic",
    }
    assert [exchange.name for exchange in exchanges.WORK_EXCHANGES] == [
        "baton.parked",
        "baton.work",
    ]
    assert host_key("web-1.example.org") == "host.web-1.example.org"
    assert command_key("deploy", "prod") == "deploy.prod"
    assert command_key("deploy", "prod", "shop") == "deploy.prod.shop"
    assert output_key("baton.update", "prod", "deploy") == "update.prod.deploy"
    assert output_key("baton.pong", "prod", "web-1.example.org") == "pong.prod.web-1-example-org"


def test_the_inbox_of_an_agent() -> None:
    """It outlives a restart, has one consumer at a time, and is gone after a week alone."""
    queue = exchanges.agent_queue("web-1.example.org")
    assert (queue.name, queue.single_active) == ("agent.web-1.example.org", True)
    assert (queue.expires, queue.dead_letter) == (7 * 86400, "baton.dead")


def test_the_queues_of_work() -> None:
    """A job is parked under a key that names its queue and leaves with it, to that queue alone."""
    assert exchanges.work_queue("reports").name == "work.reports"
    assert exchanges.work_bindings("reports") == [
        ("baton.in", "work.reports"),
        ("baton.work", "*.work.reports"),
    ]
    tiers = [(tier.queue.name, tier.queue.ttl, tier.key("reports")) for tier in exchanges.TIERS]
    assert tiers == [
        ("parked.5s", 5.0, "5s.work.reports"),
        ("parked.30s", 30.0, "30s.work.reports"),
        ("parked.2m", 120.0, "2m.work.reports"),
        ("parked.10m", 600.0, "10m.work.reports"),
    ]
    assert {tier.queue.dead_letter for tier in exchanges.TIERS} == {"baton.work"}
    assert exchanges.TIERS[0].bindings == (("baton.parked", "5s.work.#"),)


def test_what_others_tell_does_not_pile_up_for_ever() -> None:
    """Where alerts were switched off nobody takes it: a week later its queue is gone."""
    assert exchanges.MONITOR_QUEUE.expires == 7 * 86400


def test_the_bots_queues_share_a_prefix() -> None:
    """One pattern, `bot`, gives an account the right to all of them."""
    queues = (
        exchanges.BOT_QUEUE,
        exchanges.HEARTBEAT_QUEUE,
        exchanges.MONITOR_QUEUE,
        exchanges.PROBED_QUEUE,
    )
    assert [queue.name for queue in queues] == [
        "bot",
        "bot.heartbeats",
        "bot.monitor",
        "bot.probed",
    ]


@given(st.text())
def test_a_word_is_one_word_of_a_key(text: str) -> None:
    """Nothing in it is read as a pattern, and it is never empty."""
    assert key_word(text)
    assert not set(key_word(text)) & set(".*# \n")
    assert key_word(key_word(text)) == key_word(text)
