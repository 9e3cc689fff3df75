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
PARKED = "baton.parked"
"""Jobs that wait until they are looked at again."""
UNPARKED = "baton.work"
"""Jobs that have waited, on their way back to their work queue. It is not the input exchange, so
that whoever may park a job cannot reach a server by it, whatever the headers of the message say
(RabbitMQ routes by `CC` and `BCC` too)."""


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
WORK_EXCHANGES = (Exchange(PARKED, "topic"), Exchange(UNPARKED, "topic"))
"""The exchanges that belong to the workers: nobody else needs them."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue, declared with the same settings by everybody who uses it, except a
    `foreign` one, which other programs made: it is used as it is, and made without any settings if
    it does not exist.

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
    foreign: bool = False


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


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier is a queue in which jobs are parked for `seconds`: all for the same time, since a
    message that may leave waits for those before it."""

    name: str
    seconds: float

    @property
    def queue(self) -> Queue:
        """Return its queue, which hands what has waited to the exchange UNPARKED."""
        return Queue(f"parked.{self.name}", ttl=self.seconds, dead_letter=UNPARKED)

    @property
    def bindings(self) -> tuple[tuple[str, str], ...]:
        """Return what its queue is bound to."""
        return ((PARKED, f"{self.name}.work.#"),)

    def key(self, queue: str) -> str:
        """Return the key on PARKED, and then on UNPARKED, of a job of the work queue `queue`."""
        return f"{self.name}.{work_key(queue)}"


TIERS = (Tier("5s", 5.0), Tier("30s", 30.0), Tier("2m", 120.0), Tier("10m", 600.0))
"""How long a blocked job is parked: the first time, the second, and so on."""


CLAIM_LASTS = 24 * 3600.0
"""Seconds for which a claim is kept that nobody asks for."""


def work_queue(queue: str) -> Queue:
    """Return the queue of Baton's own for jobs of the work queue `queue`: requests, and what comes
    back from being parked. All its workers share it."""
    return Queue(work_key(queue))


def work_bindings(queue: str) -> list[tuple[str, str]]:
    """Return what `work_queue` is bound to."""
    return [(INPUT, work_key(queue)), (UNPARKED, f"*.{work_key(queue)}")]


def foreign_queue(queue: str) -> Queue:
    """Return a work queue that other programs made: it is used as it is."""
    return Queue(queue, foreign=True, dead_letter="")


def check_exchange(exchange: str) -> None:
    """Raise ValueError if `exchange` is not one of EXCHANGES."""
    names = [item.name for item in (*EXCHANGES, *WORK_EXCHANGES)]
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
