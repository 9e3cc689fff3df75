from __future__ import annotations

import pytest

from baton.bus.messages import State
from baton.outcome import RunReport
from baton.server import Server
from baton.testing import Kit
from commands.deploy import Deploy
from commands.ping import Ping, extension

KIT = Kit(extension, server=Server("prod", fqdn="web-1", app_names=("shop",)))


async def test_an_agent_answers_with_its_facts() -> None:
    """The answer to a ping is a pong with who it is, where, and what runs there."""
    asked = await KIT.ask("ping prod")
    assert asked.state is State.SUCCEEDED
    assert asked.pong is not None
    facts = asked.pong.facts
    assert (facts.host, facts.environment, facts.apps) == ("web-1", "prod", ("shop",))
    assert facts.version
    assert asked.pong.job


async def test_only_the_server_that_is_meant_answers() -> None:
    """A ping with a host is for that host."""
    assert KIT.parses("/ping prod web-1") == Ping(environment="prod", host="web-1")
    assert (await KIT.ask("ping prod web-1")).state is State.SUCCEEDED
    assert (await KIT.ask("ping prod web-2")).state is State.REFUSED


def _answered(host: str, seconds: float | None) -> RunReport:
    return RunReport(host, State.SUCCEEDED, seconds=seconds)


def _unsent(host: str) -> RunReport:
    return RunReport(host, State.EXPIRED, "not sent: RabbitMQ was unreachable for 20 s", sent=False)


@pytest.mark.parametrize(
    ("runs", "summary"),
    [
        ([], "no agent in prod was pinged"),
        ([_answered("a", 0.012)], "1 of 1 answered, p50 12 ms, max 12 ms"),
        (
            [_answered("a", 0.012), _answered("b", 0.01), _answered("c", 1.04)],
            "3 of 3 answered, p50 12 ms, max 1.0 s",
        ),
        (
            [_answered("a", 0.012), RunReport("web-6", State.LOST), RunReport("b", State.SENT)],
            "1 of 3 answered, p50 12 ms, max 12 ms; missing: web-6",
        ),
        ([RunReport("a", State.UNROUTABLE)], "0 of 1 answered; missing: a"),
        ([_answered("a", None)], "1 of 1 answered"),
        (
            [_unsent("a"), _unsent("b")],
            "not sent: RabbitMQ was unreachable for 20 s",
        ),
        (
            [_answered("a", None), _unsent("b"), RunReport("c", State.REFUSED)],
            "1 of 3 answered; refused: c; not sent: b",
        ),
        ([RunReport("a", State.CANCELLED)], "0 of 1 answered; cancelled: a"),
    ],
)
def test_the_outcome_counts_times_and_names(runs: list[RunReport], summary: str) -> None:
    """How many of how many, how fast, and who did not answer; who still may is not missing."""
    assert Ping(environment="prod").outcome(runs).summary == summary


def _live(host: str, ref: str = "v2", commit: str = "0123456789") -> RunReport:
    return RunReport(host, State.SUCCEEDED, facts={"ref": ref, "commit": commit})


@pytest.mark.parametrize(
    ("ref", "runs", "summary"),
    [
        ("v2", [_live("a"), _live("b")], "v2 (01234567) on 2 of 2"),
        (None, [_live("a", "main")], "main (01234567) on 1 of 1"),
        (None, [_live("a", "main"), _live("b", "v1")], "shop (01234567) on 2 of 2"),
        ("01234567", [_live("a")], "01234567 on 1 of 1"),
        ("v2", [_live("a", commit="")], "v2 on 1 of 1"),
        ("v2", [_live("a"), RunReport("b", State.FAILED)], "1 of 2 succeeded, 1 failed"),
        ("v2", [_live("a"), RunReport("b", State.RUNNING)], "1 of 2 done"),
        ("v2", [], "0 of 0 done"),
    ],
)
def test_a_deploys_outcome_names_the_version(
    ref: str | None, runs: list[RunReport], summary: str
) -> None:
    """What is live on how many servers; or how many are done, and how."""
    assert Deploy(app="shop", environment="prod", ref=ref).outcome(runs).summary == summary


def test_a_deploys_outcome_warns_of_different_commits() -> None:
    """A branch that moved while servers fetched it is noticed."""
    outcome = Deploy(app="shop", environment="prod", ref="main").outcome(
        [_live("a"), _live("b", commit="fedcba98765"), _live("c")]
    )
    assert outcome.summary == "main on 3 of 3"
    assert outcome.lines == ("Not the same commit everywhere (a, c: 01234567; b: fedcba98).",)
