"""Consume, decode, work, publish a confirmed result, acknowledge: with aio-pika alone."""

from __future__ import annotations

import asyncio
import sys

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from bench.peers.model import INBOX, OUTBOX, PREFETCH, Request, work


async def main(url: str) -> None:
    connection = await aio_pika.connect_robust(url)
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.get_queue(INBOX, ensure=False)
    exchange = channel.default_exchange

    async def received(message: AbstractIncomingMessage) -> None:
        result = work(Request.model_validate_json(message.body))
        answer = aio_pika.Message(
            result.model_dump_json().encode(),
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=result.id,
            type=result.type,
            correlation_id=message.correlation_id,
            timestamp=result.time,
        )
        await exchange.publish(answer, message.reply_to or OUTBOX, mandatory=True, timeout=10)
        await message.ack()

    await queue.consume(received)
    print("ready", flush=True)
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
