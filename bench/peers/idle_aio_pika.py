"""The smallest consumer: aio-pika on a queue, and nothing else; python -m ... URL QUEUE."""

from __future__ import annotations

import asyncio
import sys

import aio_pika
from aio_pika.abc import AbstractIncomingMessage


async def main(url: str, name: str) -> None:
    connection = await aio_pika.connect_robust(url)
    channel = await connection.channel()
    queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})

    async def received(message: AbstractIncomingMessage) -> None:
        await message.ack()

    await queue.consume(received)
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
