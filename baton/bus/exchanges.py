"""Names on the bus: exchanges, routing keys and queues. Pure: nothing here talks to a broker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

INPUT = "baton.in"
OUTPUT = "baton.out"
DEAD = "baton.dead"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange of the wire contract; all are durable."""

    name: str
    kind: Literal["topic"]


EXCHANGES = (
    Exchange(INPUT, "topic"),
    Exchange(OUTPUT, "topic"),
    Exchange(DEAD, "topic"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue, declared the same way by everyone who uses it.

    `ttl` and `expires` are in seconds: how long a message waits at most, and how long a queue that
    nobody uses is kept. What is rejected, or past its `ttl`, goes to `dead_letter` under its own
    key. `delivery_limit` bounds how often one message is delivered. One that is `optional` may be
    refused to us: then all but what it is for goes on.
    """

    name: str
    single_active: bool = False
    expires: float | None = None
    ttl: float | None = None
    dead_letter: str = DEAD
    delivery_limit: int = 20
    optional: bool = False


WEEK = 7 * 24 * 3600.0


def agent_queue(fqdn: str) -> Queue:
    """The inbox of the agent on `fqdn`. It outlives a restart; a week without it and it is gone."""
    return Queue(f"agent.{fqdn}", single_active=True, expires=WEEK)


BOT_QUEUE = Queue("bot", single_active=True)
"""Updates and pongs: all that the ledger needs, kept for as long as no bot is there."""

HEARTBEAT_QUEUE = Queue("bot.heartbeats", single_active=True, ttl=60.0, dead_letter="")
"""Apart from the updates, because an old heartbeat says nothing and must not pile up."""

MONITOR_QUEUE = Queue("bot.monitor", single_active=True, expires=WEEK, optional=True)
"""What others tell: alerts and check-ins. A week without a bot that keeps alerts and it is gone, or
it would fill for ever where alerts were switched off; what is told after that goes nowhere."""

MONITORED = ("alert", "checkin")
"""The first words of the keys on the output exchange that it is bound to."""

PROBED_QUEUE = Queue("bot.probed", single_active=True, ttl=60.0, dead_letter="", optional=True)
"""Apart from those, because somebody waits for each answer, and an old one is of no use."""

BOT_QUEUES: Mapping[Queue, tuple[str, ...]] = {
    BOT_QUEUE: ("update", "pong"),
    HEARTBEAT_QUEUE: ("heartbeat",),
    MONITOR_QUEUE: MONITORED,
    PROBED_QUEUE: ("probed",),
}
"""The bot's queues, with the first words of the keys on the output exchange that each takes."""


def bot_bindings(queue: Queue) -> list[tuple[str, str]]:
    """What one of the bot's queues is bound to: exchange and key."""
    return [(OUTPUT, f"{kind}.#") for kind in BOT_QUEUES[queue]]


DISCOVER = "discover"
"""The key that every agent listens to, whatever its environment."""

DEAD_QUEUE = Queue("dead", ttl=4 * WEEK, dead_letter="", delivery_limit=1_000_000)
"""Whoever looks through it puts each letter back, which counts as a delivery: hence the limit."""

DEAD_BINDINGS = ((DEAD, "#"),)
"""Whoever owns the topology, the bot, makes sure of it; nobody else needs a right to it."""

FORMER_QUEUES = ("monitor", "retry.5s", "retry.30s", "retry.2m", "retry.10m")
"""Queues of earlier versions, which nobody takes from any more."""


def check_exchange(exchange: str) -> None:
    """Raises ValueError if `exchange` is not one of EXCHANGES."""
    names = [item.name for item in EXCHANGES]
    if exchange not in names:
        raise ValueError(f"{exchange} is not one of the exchanges {', '.join(names)}")


@lru_cache(1024)
def key_word(text: str) -> str:
    """`text` as one word of a topic key: dots and what a pattern would read become `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text) or "-"


def host_key(fqdn: str) -> str:
    """The key of a request to one server."""
    return f"host.{fqdn}"


def command_key(command: str, environment: str, app: str | None = None) -> str:
    """The key of a broadcast: to every agent of an environment, or those of it that run `app`."""
    parts = [command, environment] + ([app] if app else [])
    return ".".join(key_word(part) for part in parts)


def output_key(kind: str, environment: str, subject: str) -> str:
    """The key of what an agent says: `kind` is the message's type without `baton.`."""
    return ".".join(
        (key_word(kind.removeprefix("baton.")), key_word(environment), key_word(subject))
    )
