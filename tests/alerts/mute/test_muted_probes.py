"""Probes that run on a server which is down."""

from __future__ import annotations

from alerts.labels import Labels
from tests.alerts.harness import Message, World, bad, beat

DISK = Labels.of({"alertname": "command", "probe": "disk", "host": "web-1"})
"""Its table names no environment."""
OTHER = Labels.of({"alertname": "http", "probe": "shop", "env": "prod"})
"""The bot itself runs it."""


def test_a_dead_server_mutes_what_it_was_to_look_at() -> None:
    """Its last result is notified once the server is back, if it is still bad; probes from
    elsewhere are notified at once."""
    world = World()
    world.every(15, beat("web-1"), first=0, last=300)
    world.at(346, bad(DISK), bad(OTHER))
    world.want(Message("ops", "silent web-1 in prod", "firing"), between=(338 + 30, 346 + 30))
    world.want(Message("ops", "http probe=shop in prod", "firing"), between=(376, 376))
    world.every(15, beat("web-1"), first=1000, last=2000)
    world.want(Message("ops", "command web-1 probe=disk", "firing"), between=(1030, 1030))
    world.run(until=2000)
    assert world.post("silent").state == "resolved"
