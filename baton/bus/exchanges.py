"""The names on the bus: exchanges, routing keys and queues. Pure."""

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
    """An exchange of the wire contract. All are durable."""

    name: str
    kind: Literal["topic"]


EXCHANGES = (
    Exchange(INPUT, "topic"),
    Exchange(OUTPUT, "topic"),
    Exchange(DEAD, "topic"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue, declared with the same settings by everybody who uses it.

    A message waits for at most `ttl` seconds, and an unused queue is deleted after `expires`
    seconds. Rejected and expired messages go to the exchange `dead_letter` under their own key. A
    message is delivered at most `delivery_limit` times. If the bus refuses an `optional` queue,
    everything that does not need it works.
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
    """Return the inbox of the agent on `fqdn`. It is deleted after a week without that agent."""
    return Queue(f"agent.{fqdn}", single_active=True, expires=WEEK)


BOT_QUEUE = Queue("bot", single_active=True)
"""Updates and pongs, which the ledger needs: kept for as long as no bot runs."""

HEARTBEAT_QUEUE = Queue("bot.heartbeats", single_active=True, ttl=60.0, dead_letter="")
"""Heartbeats have a queue of their own, since old ones are useless and must not pile up."""

MONITOR_QUEUE = Queue("bot.monitor", single_active=True, expires=WEEK, optional=True)
"""Alerts and check-ins of other systems. It is deleted after a week without a bot that has alerts
on: else it would grow for ever where alerts were switched off. Later messages are dropped."""

MONITORED = ("alert", "checkin")
"""The first words of its keys on the output exchange."""

PROBED_QUEUE = Queue("bot.probed", single_active=True, ttl=60.0, dead_letter="", optional=True)
"""Results of probes have a queue of their own: the bot waits for each, and old ones are useless."""

BOT_QUEUES: Mapping[Queue, tuple[str, ...]] = {
    BOT_QUEUE: ("update", "pong"),
    HEARTBEAT_QUEUE: ("heartbeat",),
    MONITOR_QUEUE: MONITORED,
    PROBED_QUEUE: ("probed",),
}
"""The bot's queues, each with the first words of its keys on the output exchange."""


def bot_bindings(queue: Queue) -> list[tuple[str, str]]:
    """Return the bindings (exchange, key) of one of the bot's queues."""
    return [(OUTPUT, f"{kind}.#") for kind in BOT_QUEUES[queue]]


DISCOVER = "discover"
"""The key that every agent is bound to, whatever its environment."""

DEAD_QUEUE = Queue("dead", ttl=4 * WEEK, dead_letter="", delivery_limit=1_000_000)
"""Looking through it requeues each letter, which counts as a delivery: hence the limit."""

DEAD_BINDINGS = ((DEAD, "#"),)
"""Only the bot declares it, as the owner of the topology; nobody else needs a permission for it."""

FORMER_QUEUES = ("monitor", "retry.5s", "retry.30s", "retry.2m", "retry.10m")
"""Queues of earlier versions that nothing consumes any more."""


def check_exchange(exchange: str) -> None:
    """Raise ValueError if `exchange` is not one of EXCHANGES."""
    names = [item.name for item in EXCHANGES]
    if exchange not in names:
        raise ValueError(f"{exchange} is not one of the exchanges {', '.join(names)}")


@lru_cache(1024)
def key_word(text: str) -> str:
    """Return `text` as one word of a topic key: dots and wildcards become `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text) or "-"


def host_key(fqdn: str) -> str:
    """Return the key of a request to one server."""
    return f"host.{fqdn}"


WORK = "work."
"""What the key of a work queue begins with."""


def work_key(queue: str) -> str:
    """Return the key of a request for a work queue, and the name of that queue in the ledger: its
    requests are for whichever worker takes them."""
    return f"{WORK}{queue}"


def cancel_work_key(queue: str) -> str:
    """Return the key of a Cancel for a job of a work queue: the inbox of each of its workers is
    bound to it."""
    return f"cancel.{work_key(queue)}"


def queue_of(host: str) -> str:
    """Return the work queue that `host`, of a request or in the ledger, stands for; empty if it is
    a server's name. A server may be called so too: whoever asks knows which of them is meant."""
    return host.removeprefix(WORK) if host.startswith(WORK) else ""


def command_key(command: str, environment: str, app: str | None = None) -> str:
    """Return the key of a broadcast to the agents of an environment, or to those that run `app`."""
    parts = [command, environment] + ([app] if app else [])
    return ".".join(key_word(part) for part in parts)


def output_key(kind: str, environment: str, subject: str) -> str:
    """Return the key of a message from an agent; `kind` is its type, with or without `baton.`."""
    return ".".join(
        (key_word(kind.removeprefix("baton.")), key_word(environment), key_word(subject))
    )
