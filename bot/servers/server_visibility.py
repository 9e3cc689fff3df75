"""Tells whether the bot can see the servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ServerVisibility:
    """Which servers the bot cannot see now.

    `blind_since` is when the bot's own connection to RabbitMQ was lost, if it is lost, and
    `blind_because` why it does not come back by itself. `silent` are the servers without a
    heartbeat, by host, with the time of the last one; `left` those whose agents reported that they
    were stopped, with the time. `idle` are the work queues without a running worker, by name,
    with the last sign of one.
    """

    blind_since: datetime | None = None
    silent: Mapping[str, datetime] = field(default_factory=dict)
    left: Mapping[str, datetime] = field(default_factory=dict)
    idle: Mapping[str, datetime] = field(default_factory=dict)
    blind_because: str = ""
