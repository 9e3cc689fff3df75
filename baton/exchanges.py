"""Names on the bus: exchanges, routing keys and queues. Pure: nothing here talks to a broker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

INPUT = "baton.in"
OUTPUT = "baton.out"
RETRY = "baton.retry"
DEAD = "baton.dead"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange of the wire contract; all are durable."""

    name: str
    kind: Literal["topic", "direct"]


EXCHANGES = (
    Exchange(INPUT, "topic"),
    Exchange(OUTPUT, "topic"),
    Exchange(RETRY, "direct"),
    Exchange(DEAD, "topic"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue, declared the same way by everyone who uses it.

    `ttl` and `expires` are in seconds: how long a message waits at most, and how long a queue that
    nobody uses is kept. What is rejected, or past its `ttl`, goes to `dead_letter` under
    `dead_letter_key` (its own key if empty). `delivery_limit` bounds how often one message is
    delivered.
    """

    name: str
    single_active: bool = False
    expires: float | None = None
    ttl: float | None = None
    dead_letter: str = DEAD
    dead_letter_key: str = ""
    delivery_limit: int = 20


WEEK = 7 * 24 * 3600.0


def agent_queue(fqdn: str) -> Queue:
    """The inbox of the agent on `fqdn`. It outlives a restart; a week without it and it is gone."""
    return Queue(f"agent.{fqdn}", single_active=True, expires=WEEK)


BOT_QUEUE = Queue("bot", single_active=True)
"""Updates and pongs: all that the ledger needs, kept for as long as no bot is there."""

HEARTBEAT_QUEUE = Queue("bot.heartbeats", single_active=True, ttl=60.0, dead_letter="")
"""Apart from the updates, because an old heartbeat says nothing and must not pile up."""

MONITOR_QUEUE = Queue("monitor", single_active=True, expires=WEEK)
"""What others tell: alerts and check-ins. A week without a bot that keeps alerts and it is gone, or
it would fill for ever where alerts were switched off; what is told after that goes nowhere."""

MONITORED = ("alert", "checkin")
"""The first words of the keys on the output exchange that it is bound to."""

PROBED_QUEUE = Queue("bot.probed", single_active=True, ttl=60.0, dead_letter="")
"""Apart from those, because somebody waits for each answer, and an old one is of no use."""

DISCOVER = "discover"
"""The key that every agent listens to, whatever its environment."""

DEAD_QUEUE = Queue("dead", ttl=4 * WEEK, dead_letter="", delivery_limit=1_000_000)
"""Whoever looks through it puts each letter back, which counts as a delivery: hence the limit."""

RETRY_QUEUES = tuple(
    Queue(f"retry.{name}", ttl=seconds, dead_letter=INPUT)
    for name, seconds in (("5s", 5.0), ("30s", 30.0), ("2m", 120.0), ("10m", 600.0))
)
"""Tiers, because a TTL of a message would wait behind the head of its queue."""

STANDING_QUEUES = (
    (DEAD_QUEUE, ((DEAD, "#"),)),
    *((queue, ((RETRY, queue.name),)) for queue in RETRY_QUEUES),
)
"""The queues, with their bindings, that every channel makes sure of."""


def known(exchange: str) -> None:
    """Raises ValueError if `exchange` is not one of EXCHANGES."""
    names = [item.name for item in EXCHANGES]
    if exchange not in names:
        raise ValueError(f"{exchange} is not one of the exchanges {', '.join(names)}")


def retry_queue(seconds: float) -> Queue:
    """The tier in which a message waits for at least `seconds`, or the longest there is."""
    return next((queue for queue in RETRY_QUEUES if (queue.ttl or 0) >= seconds), RETRY_QUEUES[-1])


@lru_cache(1024)
def word(text: str) -> str:
    """`text` as one word of a topic key: dots and what a pattern would read become `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text) or "-"


def host_key(fqdn: str) -> str:
    """The key of a request to one server."""
    return f"host.{fqdn}"


def command_key(command: str, environment: str, app: str | None = None) -> str:
    """The key of a broadcast: to every agent of an environment, or those of it that run `app`."""
    parts = [command, environment] + ([app] if app else [])
    return ".".join(word(part) for part in parts)


def output_key(kind: str, environment: str, subject: str) -> str:
    """The key of what an agent says: `kind` is the message's type without `baton.`."""
    return ".".join((word(kind.removeprefix("baton.")), word(environment), word(subject)))
