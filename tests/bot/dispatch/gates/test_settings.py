"""The gate of settings says which servers have other settings than the rest, and stops nobody."""

from __future__ import annotations

import pytest

from baton.bus.facts import Facts
from baton.bus.messages import Heartbeat
from bot.dispatch.gates.finding import Open
from bot.dispatch.gates.settings import SettingsGate
from bot.dispatch.gates.situation import Asked, Intent, Situation, servers_of
from bot.dispatch.reply import ReplyKind
from bot.store import Store
from tests.bot.build import ANN, OPS, T0, server
from tests.bot.counter import Counter, table
from tests.bot.world import no_groups


def _facts(host: str, environment: str = "prod", **digests: str) -> Facts:
    settings = {f"deploy.{app}": digest for app, digest in digests.items()}
    return Facts(host=host, environment=environment, apps=("shop",), settings=settings)


def _said(*servers: Facts, app: str | None = "shop") -> str:
    intent = Intent("deploy", ("prod",), app)
    found = SettingsGate().look(Situation(Asked(intent, ANN), frozenset(), T0, servers=servers))
    assert isinstance(found, Open)
    assert (found.gate, found.ok) == ("settings", True)
    return found.text


SAME = [_facts(f"web-{number}", shop="a", other=str(number)) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("servers", "says"),
    [
        (SAME, "The settings of shop are the same on 3 of 3 servers."),
        (
            [*SAME[:2], _facts("web-3", shop="b")],
            "The settings of shop are the same on 2 of 3 servers. web-3 differs from web-1, web-2:"
            " compare [deploy.shop] in their agent.toml. This does not stop it.",
        ),
        (
            [_facts("web-2", shop="b"), _facts("web-1", shop="a"), _facts("web-3")],
            "The settings of shop are the same on 1 of 3 servers. web-2 differs from web-1:"
            " compare [deploy.shop] in their agent.toml. This does not stop it."
            " web-3 reports none.",
        ),
        (
            [_facts("web-1", shop="a"), _facts("st-1", "staging", shop="b")],
            "In prod: The settings of shop are the same on 1 of 1 server."
            " In staging: The settings of shop are the same on 1 of 1 server.",
        ),
        ([_facts("web-1", other="a")], "No server reports its settings for shop."),
        ([], "No server reports its settings for shop."),
    ],
)
def test_it_says_who_differs_from_most(servers: list[Facts], says: str) -> None:
    """Only what is about the app counts, and each environment is compared with itself."""
    assert _said(*servers) == says


def test_what_is_about_no_app_has_nothing_to_compare() -> None:
    assert _said(*SAME, app=None) == "It is about no app: no settings are compared."


def test_it_looks_at_the_servers_that_the_ask_is_for() -> None:
    """Those that it names; else those of its environments that have the app."""
    known = [server("web-1", "prod", "shop"), server("web-2", "prod"), server("st-1", "staging")]

    def hosts(intent: Intent) -> list[str]:
        return [facts.host for facts in servers_of(intent, known)]

    assert hosts(Intent("deploy", ("prod",), "shop")) == ["web-1"]
    assert hosts(Intent("deploy", ("prod",), "shop", frozenset({"web-2", "st-1"}))) == ["web-2"]
    assert hosts(Intent("ping", ("prod", "staging"))) == ["web-1", "web-2", "st-1"]


async def test_settings_that_differ_are_in_why_and_stop_nothing(store: Store) -> None:
    """What counts is the last heartbeat."""
    counter = Counter(store)
    for host, digest in (("web-1", "a"), ("web-2", "b")):
        counter.servers.record(Heartbeat(facts=_facts(host, shop=digest), interval=15.0))
    why, started = [
        await counter.dispatcher.ask(words, asker=ANN, groups=no_groups, place=OPS, key=words)
        for words in ("ship shop prod --why", "ship shop prod")
    ]
    summary, rows = table(why)
    assert summary == "/ship shop prod would start: every gate is open"
    assert {row[0]: row[1:] for row in rows}["settings"] == (
        "open",
        "The settings of shop are the same on 1 of 2 servers. web-2 differs from web-1: compare"
        " [deploy.shop] in their agent.toml. This does not stop it.",
    )
    assert started.kind is ReplyKind.STARTED
