"""The same work with FastStream."""

from __future__ import annotations

import asyncio
import sys

from faststream import FastStream  # type: ignore[import-not-found, unused-ignore]
from faststream.rabbit import (  # type: ignore[import-not-found, unused-ignore]
    Channel,
    QueueType,
    RabbitBroker,
    RabbitQueue,
)

from bench.peers.model import INBOX, OUTBOX, PREFETCH, Request, Result, work


async def main(url: str) -> None:
    broker = RabbitBroker(url, default_channel=Channel(prefetch_count=PREFETCH), logger=None)

    inbox = RabbitQueue(INBOX, queue_type=QueueType.QUORUM, durable=True)
    outbox = RabbitQueue(OUTBOX, queue_type=QueueType.QUORUM, durable=True)

    @broker.subscriber(inbox)  # type: ignore[untyped-decorator, unused-ignore]
    @broker.publisher(outbox, persist=True, mandatory=True)  # type: ignore[untyped-decorator, unused-ignore]
    async def received(request: Request) -> Result:
        return work(request)

    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    # annotations are looked up in the module of the function
    asyncio.run(main(sys.argv[1]))
