from __future__ import annotations

from datetime import UTC, datetime

import pytest

from baton.bus.facts import Facts, SigningFacts
from baton.command import KnownServer
from baton.errors import UsageError
from baton.testing import Kit, seen
from bot.servers.inventory import VisibleServers
from commands.servers import COLUMNS, ListServers, extension, insisting

KIT = Kit(extension)
SERVERS = [
    seen("web-1", "prod", "shop", "blog", silent=3),
    seen("web-2", "prod", silent=400),
    seen("dev-1", "staging", "shop"),
]


def test_a_table_of_who_is_there() -> None:
    """Each server with environment, apps, when it was last heard and its version."""
    answer = KIT.answers("servers", SERVERS)
    assert answer.summary == "3 servers, missing: web-2"
    assert answer.columns == COLUMNS
    assert answer.rows == (
        ("web-1", "prod", "shop, blog", "3.0 s ago", "2.0.0"),
        ("web-2", "prod", "none", "missing, 6 min 40 s ago", "2.0.0"),
        ("dev-1", "staging", "shop", "0.0 s ago", "2.0.0"),
    )


def test_blind_is_not_down() -> None:
    """Without a bus the answer says since when it is old."""
    blind = datetime(2026, 11, 24, 5, 55, 1, tzinfo=UTC)
    answer = KIT.answers("servers staging", SERVERS, blind_since=blind)
    assert answer.summary == "1 server; no connection to RabbitMQ since 05:55:01 UTC"
    assert "since 05:55:01 UTC" in KIT.answers("servers", blind_since=blind).summary


def test_one_environment_only() -> None:
    """With an environment, its servers alone."""
    answer = KIT.answers("servers staging", SERVERS)
    assert (answer.summary, len(answer.rows)) == ("1 server", 1)


def test_an_unknown_environment_says_which_there_are() -> None:
    """A typing mistake is not answered with an empty table."""
    with pytest.raises(
        UsageError, match=r"Did you mean prod\? Environments: prod, staging\."
    ) as caught:
        KIT.answers("servers prdo", SERVERS)
    assert caught.value.field == "environment"


def test_nobody_heard_yet_says_what_to_do() -> None:
    """An empty fleet is told as such, with how to start an agent."""
    assert "baton agent" in KIT.answers("servers").summary


def test_who_does_not_insist_on_signatures_is_counted_once_somebody_does() -> None:
    """A team that signs nothing reads nothing of it."""

    def server(host: str, mode: str | None) -> Facts:
        signing = None if mode is None else SigningFacts(mode=mode)
        return Facts(host=host, environment="prod", signing=signing)

    lax = [server("web-1", "warn"), server("web-2", None)]
    assert insisting([server("web-1", "off"), server("web-2", None)]) == ""
    assert insisting([server("web-3", "require"), *lax]) == (
        "2 of 3 do not insist on signatures yet: web-1, web-2"
    )
    assert insisting([server("web-3", "require")]) == ""


def test_who_does_not_know_a_key_of_the_bot_is_counted() -> None:
    """While one key replaces another: those that look at no signatures need none."""

    def server(host: str, mode: str, *keys: str) -> KnownServer:
        facts = Facts(host=host, environment="prod", signing=SigningFacts(mode=mode, keys=keys))
        return KnownServer(facts, 1.0)

    servers = [
        server("web-1", "require", "SHA256:old"),
        server("web-2", "require", "SHA256:old", "SHA256:new"),
        server("web-3", "off"),
    ]
    known = VisibleServers(servers, None, ["SHA256:old", "SHA256:new"])
    assert ListServers().answer(known).summary == (
        "3 servers, 1 of 3 does not insist on signatures yet: web-3,"
        " 1 of 2 does not know the key SHA256:new yet: web-1"
    )
    assert "know the key" not in ListServers().answer(VisibleServers(servers, None)).summary
