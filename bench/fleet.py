"""Many real agents in one process, sharing a few connections: python -m bench.fleet URL COUNT.

Prints `ready` when all of them listen. Their journals are in memory, and they beat only when a bot
asks who is there: what is measured is one ping, not a minute of heartbeats.
"""

from __future__ import annotations

import asyncio
import random
import sys

from baton import API, ConsumerManager, Heartbeat, Server
from baton.amqp import AmqpChannel
from baton.channel import Channel
from baton.exchanges import OUTPUT
from baton.journal import MemoryJournal
from baton.output import key_of
from bot.logs import LogFormat, LogLevel, set_up_logs
from commands.ping import PingConsumer

EACH = 250
"""Agents on one connection."""


class Agent:
    """One of them."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._server = Server("prod", f"web-{number}.example.net", ("shop",))
        self._beating: asyncio.Task[None] | None = None
        self.manager = ConsumerManager(
            channel,
            self._server,
            [PingConsumer(self._server)],
            MemoryJournal(),
            discover=self._beat_soon,
        )

    def _beat_soon(self) -> None:
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        await asyncio.sleep(random.random())  # as Service does
        facts = self._server.facts(self.manager.consumers)
        beat = Heartbeat(source=facts.host, facts=facts, interval=3600)
        await API(self._channel).publish(OUTPUT, key_of(beat), beat)


async def main(url: str, count: int) -> None:
    set_up_logs(LogLevel.ERROR, LogFormat.LOGFMT)
    channels = [
        # the watchdog would look for all the consumers of a connection, one by one
        await AmqpChannel.open([url], name=f"fleet {start}", watch_every=3600)
        for start in range(0, count, EACH)
    ]
    for channel in channels:
        await channel.wait_up()
    agents = [Agent(channels[number // EACH], number) for number in range(count)]
    turns = asyncio.Semaphore(20)

    async def begin(agent: Agent) -> None:
        async with turns:
            await agent.manager.start()

    await asyncio.gather(*map(begin, agents))
    print("ready", flush=True)
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
