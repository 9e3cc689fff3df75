"""Baton's values as AMQP has them."""

from __future__ import annotations

from baton.bus.amqp import wire


def test_our_heartbeat_is_used_unless_the_url_names_its_own() -> None:
    """So a dead peer is noticed within half a minute."""
    for given, dialled in (
        (
            "amqps://u:p%2F%40@h/v%2Fw?cafile=%2Fx",
            "amqps://u:p%2F%40@h/v%2Fw?cafile=/x&heartbeat=10",
        ),
        ("amqp://h/?heartbeat=3", "amqp://h/?heartbeat=3"),
    ):
        assert str(wire.with_heartbeat(given)) == dialled
