"""The same work with Dramatiq; the result is a message of its own kind."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from dramatiq import Message, Worker, actor, set_broker  # type: ignore[import-not-found, unused-ignore]
from dramatiq.brokers.rabbitmq import RabbitmqBroker  # type: ignore[import-not-found, unused-ignore]

from bench.peers.model import INBOX, OUTBOX, PREFETCH, Request, work


class Broker(RabbitmqBroker):  # type: ignore[misc, unused-ignore]
    """With quorum queues, as everybody here."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}


def main(url: str, threads: int) -> None:
    logging.disable(logging.WARNING)
    broker = Broker(url=url, confirm_delivery=True)
    set_broker(broker)

    @actor(queue_name=INBOX)  # type: ignore[untyped-decorator, unused-ignore]
    def received(asked: dict[str, Any]) -> None:
        result = work(Request.model_validate(asked))
        values = {"result": result.model_dump(mode="json")}
        broker.enqueue(
            Message(queue_name=OUTBOX, actor_name="result", args=(), kwargs=values, options={})
        )

    broker.declare_queue(OUTBOX)
    worker = Worker(broker, queues={INBOX}, worker_threads=threads)
    worker.queue_prefetch = PREFETCH
    worker.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8)
