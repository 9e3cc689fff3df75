"""Idle: memory of `baton bot` and `baton agent` that do nothing, and how soon they are connected.

Beside them the smallest app on slack-bolt and the smallest consumer on aio-pika. Connected: the
first socket is open at Slack (the server of the tests, in this process); the queue has a consumer.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aio_pika

from baton.bus.exchanges import BOT_QUEUE, agent_queue
from baton_slack_testing import SlackServer
from bench import harness
from bench.harness import Options, interleaved, median, ms, rabbit
from tests.support.ports import free_port
from tests.support.wait import until

FQDN = "web-1.example.net"
SETTLED = 3.0
"""Seconds after which memory is read: the first heartbeats, looks and timers are behind it."""
AGENT, BOT = "baton agent", "baton bot"
BARE_AGENT, BARE_BOT = "bare aio-pika", "bare AsyncApp"
TARGETS = {AGENT: 50.0, BOT: 100.0}


@dataclass(frozen=True)
class Figure:
    """Seconds until connected; MB."""

    connected: float
    rss: float
    pss: float


async def measure(
    argv: tuple[str | Path, ...],
    env: Mapping[str, str],
    connected: Callable[[], Awaitable[bool]],
    settled: float,
) -> Figure:
    """One life of a program."""
    begun = time.monotonic()
    async with harness.process(*argv, env=env) as running:
        await until(lambda: here(running, connected), 60, every=0.005)
        took = time.monotonic() - begun
        await asyncio.sleep(settled)
        rss, pss = running.memory
    await until(lambda: gone(connected), 30)
    return Figure(took, rss, pss)


async def here(running: harness.Process, connected: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it is connected. Raises if it has ended."""
    if not running.running:
        raise RuntimeError("it ended before it was connected")
    return await connected()


async def gone(connected: Callable[[], Awaitable[bool]]) -> bool:
    """Whether nobody is connected any more."""
    return not await connected()


async def main(options: Options) -> None:
    """Measure, print, and compare with the targets."""
    settled = SETTLED if not options.quick else 0.1
    with harness.folder() as place:
        async with rabbit(options) as url, SlackServer(record=False) as slack:
            connection = await aio_pika.connect(url)
            async with connection:
                found = await _all(options, url, slack, connection, place, settled)
    rows = [
        (
            name,
            ms(median([each.connected for each in figures])),
            f"{median([each.rss for each in figures]):.1f} MB",
            f"{median([each.pss for each in figures]):.1f} MB",
        )
        for name, figures in found.items()
    ]
    harness.table(("", "connected in", "RSS", "PSS"), rows)
    for name, most in TARGETS.items():
        rss = median([each.rss for each in found[name]])
        harness.verdict(f"{name}, idle", rss, most, unit=" MB")


async def _all(
    options: Options,
    url: str,
    slack: SlackServer,
    connection: aio_pika.abc.AbstractConnection,
    place: Path,
    settled: float,
) -> dict[str, list[Figure]]:
    def consumed(queue: str) -> Callable[[], Awaitable[bool]]:
        return lambda: has_consumer(connection, queue)

    async def in_slack() -> bool:
        return bool(slack.socket.connections)

    async def whole_bot() -> bool:
        return await in_slack() and await has_consumer(connection, BOT_QUEUE.name)

    quiet = {"BATON_BUS_URL": url, "BATON_LOG_LEVEL": "error"}
    server = {"BATON_STATE": str(place), "BATON_ENVIRONMENT": "prod", "BATON_FQDN": FQDN}
    database = {"BATON_DATABASE_URL": f"sqlite:///{place}/ledger.db"}
    bot = {**slack.env, **quiet, **database, "BATON_WEB_PORT": str(free_port())}
    bolt = harness.program("bench.peers.with_bolt")
    pika = (*harness.program("bench.peers.idle_aio_pika"), url, "bench.idle")
    agent = agent_queue(FQDN).name
    return await interleaved(
        {
            BARE_AGENT: lambda: measure(pika, {}, consumed("bench.idle"), settled),
            AGENT: lambda: measure(
                (harness.BATON, "agent"), {**quiet, **server}, consumed(agent), settled
            ),
            BARE_BOT: lambda: measure(bolt, slack.env, in_slack, settled),
            BOT: lambda: measure((harness.BATON, "bot"), bot, whole_bot, settled),
        },
        options.rounds,
    )


async def has_consumer(connection: aio_pika.abc.AbstractConnection, name: str) -> bool:
    """Whether somebody consumes the queue `name`."""
    channel = await connection.channel()
    try:
        queue = await channel.declare_queue(name, passive=True)
    except aio_pika.exceptions.ChannelClosed:
        return False
    await channel.close()
    return bool(queue.declaration_result.consumer_count)


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
