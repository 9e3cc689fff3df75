"""The same work with Celery; the result is published with its own producer, confirmed."""

from __future__ import annotations

import sys
from typing import Any

from celery import Celery  # type: ignore[import-not-found, unused-ignore]

from bench.peers.model import INBOX, OUTBOX, PREFETCH, Request, work


def main(url: str, pool: str) -> None:
    app = Celery("bench", broker=url)
    app.conf.update(
        task_default_queue=INBOX,
        task_default_queue_type="quorum",
        worker_detect_quorum_queues=True,
        broker_transport_options={"confirm_publish": True},
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=PREFETCH,
        worker_concurrency=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
    )
    producer = app.amqp.Producer(app.connection_for_write())

    @app.task(name="bench.received")  # type: ignore[untyped-decorator, unused-ignore]
    def received(asked: dict[str, Any]) -> None:
        result = work(Request.model_validate(asked))
        producer.publish(
            result.model_dump(mode="json"),
            routing_key=OUTBOX,
            serializer="json",
            delivery_mode=2,
            mandatory=True,
        )

    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"]
    app.worker_main(["worker", f"--pool={pool}", *quiet])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "solo")
