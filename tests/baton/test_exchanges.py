"""Names on the bus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import exchanges
from baton.exchanges import command_key, host_key, output_key, retry_queue, word


def test_the_names_of_the_wire() -> None:
    """Operators and other programs know these names; they must not drift."""
    assert {exchange.name: exchange.kind for exchange in exchanges.EXCHANGES} == {
        "baton.in": "topic",
        "baton.out": "topic",
        "baton.retry": "direct",
        "baton.dead": "topic",
    }
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


def test_what_others_tell_does_not_pile_up_for_ever() -> None:
    """Where alerts were switched off nobody takes it: a week later its queue is gone."""
    assert exchanges.MONITOR_QUEUE.expires == 7 * 86400


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (0, "retry.5s"),
        (5, "retry.5s"),
        (5.1, "retry.30s"),
        (60, "retry.2m"),
        (600, "retry.10m"),
        (9999, "retry.10m"),
    ],
)
def test_a_retry_waits_at_least_as_long_as_asked(seconds: float, name: str) -> None:
    """The nearest tier above, or the longest there is."""
    assert retry_queue(seconds).name == name


@given(st.text())
def test_a_word_is_one_word_of_a_key(text: str) -> None:
    """Nothing in it is read as a pattern, and it is never empty."""
    assert word(text)
    assert not set(word(text)) & set(".*# \n")
    assert word(word(text)) == word(text)
