"""How healthy a server is: by its heartbeats and by what fires for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.episodes import Episode
from alerts.labels import Labels
from alerts.observation import Severity
from baton.command import KnownServer
from bot.outbox.server_health import readings_of
from bot.rollout.values import Reading
from tests.bot.build import T0, server

HOSTS = ("web-1", "web-2")


def fires(severity: Severity = Severity.WARNING, **labels: str) -> Episode:
    return Episode(Labels.of({"alertname": "http", **labels}), 1, 0.0, severity)


def bad(*episodes: Episode, servers: tuple[KnownServer, ...] = ()) -> dict[str, str]:
    """What is bad about each server that is known."""
    known = servers or tuple(server(host) for host in HOSTS)
    found = readings_of(known, episodes, HOSTS, T0)
    return {host: reading.bad for host, reading in found.items()}


def test_a_server_that_is_well_is_read_as_of_its_last_heartbeat() -> None:
    """What was heard before the switch says nothing of the new version."""
    found = readings_of([KnownServer(server("web-1").facts, 12.0)], [], HOSTS, T0)
    assert found["web-1"].at == T0 - timedelta(seconds=12)
    assert found["web-1"].bad == ""
    assert "web-2" not in found, "nobody knows it"


def test_a_server_that_is_missing_is_bad() -> None:
    """It is said in words that stay the same: a rollout asks about it once."""
    gone = KnownServer(server("web-1").facts, 60.0, missing=True)
    assert bad(servers=(gone,)) == {"web-1": "sends no heartbeat"}


def test_an_agent_that_is_restarted_is_not_bad() -> None:
    """It has said goodbye a moment ago, so it is missing at once: nothing goes back for that. Nor
    does it count as seen."""
    stopped = KnownServer(server("web-1").facts, 3.0, missing=True)
    found = readings_of([stopped], [], HOSTS, T0)
    assert found["web-1"] == Reading(T0 - timedelta(seconds=3))


@pytest.mark.parametrize("label", ["host", "instance", "server", "node"])
def test_what_fires_for_a_server_makes_it_bad(label: str) -> None:
    """By the labels that name a server, with or without a port; of another one it says nothing."""
    said = {"web-1": "is unhealthy: http fires", "web-2": ""}
    assert bad(fires(Severity.WARNING, **{label: "web-1"})) == said
    assert bad(fires(Severity.WARNING, **{label: "web-1:9100"})) == said
    assert bad(fires(Severity.WARNING, **{label: "web-10"})) == {"web-1": "", "web-2": ""}


def test_information_is_no_reason() -> None:
    """Only a warning and worse."""
    assert bad(fires(Severity.INFO, host="web-1"))["web-1"] == ""
    assert bad(fires(Severity.CRITICAL, host="web-1"))["web-1"] != ""
