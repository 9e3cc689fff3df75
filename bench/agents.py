"""Many real agents in one process, sharing a few connections: python -m bench.agents URL COUNT.

Prints `ready` when all of them listen, and `ended` with the Unix time each time all have done a
deploy and the bus has it. Their journals are in memory, and they beat only when a bot asks who is
there: what is measured is one job, not a minute of heartbeats. A deploy of theirs says LINES lines
and changes nothing; the app `broken` fails on the servers of FAIL, which give as many reasons.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

from typing_extensions import override

from baton import API, Consumer, ConsumerManager, Heartbeat, Server
from baton.agent.journal import MemoryJournal
from baton.agent.output import key_of
from baton.bus.amqp import AmqpChannel
from baton.bus.channel import Channel
from baton.bus.exchanges import OUTPUT
from baton.errors import Failed
from baton.run import Run
from bot.cli.logs import LogFormat, LogLevel, set_up_logs
from commands.deploy.command import Deploy
from commands.ping import PingConsumer

EACH = 250
"""Agents on one connection."""
LINES, BURSTS = 40, 4
FAIL = range(3, 8)


class Deploys(Consumer[Deploy]):
    """Says what a deploy says, in a few bursts, and does nothing."""

    command = Deploy

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(server)
        self._number = number

    async def process_message(self, run: Run[Deploy]) -> None:
        """Take some two seconds."""
        await asyncio.sleep(random.random())
        for burst in range(BURSTS):
            for line in range(LINES // BURSTS):
                run.notify_log(f"line {burst}.{line} of what {run.host} says", step="build")
            await asyncio.sleep(random.uniform(0.2, 0.5))
        if run.command.app == "broken" and self._number in FAIL:
            raise Failed(f"build failed: exit code {self._number % 4 + 1}")
        run.notify_success("v2 is live", ref="v2", commit="0123456789")


class Ends(MemoryJournal):
    """Counts the runs whose end the bus has."""

    count = 0
    total = 0

    @override
    def mark_reported(self, request: str, attempt: int) -> None:
        super().mark_reported(request, attempt)
        Ends.count += 1
        if Ends.count % Ends.total == 0:
            print(f"ended {time.time()}", flush=True)


class Agent:
    """One of them."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._server = Server("prod", f"web-{number:04}.example.net", ("shop", "broken"))
        self._beating: asyncio.Task[None] | None = None
        self.manager = ConsumerManager(
            channel,
            self._server,
            [PingConsumer(self._server), Deploys(self._server, number)],
            Ends(),
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
    Ends.total = count
    print("ready", flush=True)
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
