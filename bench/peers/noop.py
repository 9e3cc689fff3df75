"""Jobs that do nothing, done by one of those that are compared: python -m bench.peers.noop WHO
URL COUNT. It prints the time when a tenth was done, and when all were."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUEUE = "bench.jobs"
PREFETCH = 200


class Counter:
    """Counts the jobs that were done."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._done = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._done += 1
            if self._done in (max(self._count // 10, 1), self._count):
                print(time.monotonic(), flush=True)


def baton(url: str, count: int) -> None:
    """Baton's worker, with its journal; the queue is one of somebody else's."""
    import bot.cli.slim  # noqa: F401
    from baton.process.garbage import tune_garbage_collector
    from baton.worker.processors.protocol import Output
    from baton.worker.service import GARBAGE, WorkerService
    from baton.worker.settings import RunnerSettings, WorkerSettings
    from baton.worker.work import Outcome, Work
    from bot.cli.logs import LogFormat, LogLevel, set_up_logs

    done = Counter(count)

    class Runner:
        name = "nothing"

        def __init__(self, settings: RunnerSettings) -> None:
            self.settings = settings

        async def run(self, work: Work, output: Output) -> Outcome:
            done()
            return Outcome()

    async def main(folder: Path) -> None:
        settings = WorkerSettings.model_validate(
            {
                "bus": {"url": url},
                "worker": {"environment": "prod", "name": "worker.bench", "state": str(folder)},
                "queues": {QUEUE: {"runner": "nothing", "foreign": True}},
                "runner": {"nothing": {"runner": "nothing!", "concurrency": 1000}},
            }
        )
        runner = Runner(settings.runner["nothing"])
        service = await WorkerService.from_settings(settings, {"nothing": runner})
        tune_garbage_collector(*GARBAGE)  # as `baton worker` does
        await service.run()

    set_up_logs(LogLevel.WARNING, LogFormat.LOGFMT)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


def bare(url: str, count: int) -> None:
    """aio-pika alone: take, read, acknowledge."""
    import json

    import aio_pika

    done = Counter(count)

    async def main() -> None:
        connection = await aio_pika.connect_robust(url)
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.get_queue(QUEUE, ensure=False)

        async def received(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            json.loads(message.body)
            done()
            await message.ack()

        await queue.consume(received)
        await asyncio.Future()

    asyncio.run(main())


def dramatiq(url: str, count: int) -> None:
    """Dramatiq with its defaults, and eight threads."""
    from dramatiq import Worker, actor, set_broker  # type: ignore[import-not-found, unused-ignore]
    from dramatiq.brokers.rabbitmq import (  # type: ignore[import-not-found, unused-ignore]
        RabbitmqBroker,
    )

    class Broker(RabbitmqBroker):  # type: ignore[misc, unused-ignore]
        def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
            return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}

    logging.disable(logging.WARNING)
    broker = Broker(url=url)
    set_broker(broker)
    done = Counter(count)

    @actor(queue_name=QUEUE)  # type: ignore[untyped-decorator, unused-ignore]
    def nothing(asked: dict[str, Any]) -> None:
        done()

    worker = Worker(broker, queues={QUEUE}, worker_threads=8)
    worker.queue_prefetch = PREFETCH
    worker.start()
    threading.Event().wait()


def celery(url: str, count: int) -> None:
    """Celery, acknowledging late, in one process."""
    from celery import Celery  # type: ignore[import-not-found, unused-ignore]

    app = Celery("bench", broker=url)
    app.conf.update(
        task_default_queue=QUEUE,
        task_default_queue_type="quorum",
        worker_detect_quorum_queues=True,
        task_acks_late=True,
        task_ignore_result=True,
        worker_redirect_stdouts=False,
        worker_prefetch_multiplier=PREFETCH,
        worker_concurrency=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
    )
    done = Counter(count)

    @app.task(name="bench.nothing")  # type: ignore[untyped-decorator, unused-ignore]
    def nothing(asked: dict[str, Any]) -> None:
        done()

    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"]
    app.worker_main(["worker", "--pool=solo", *quiet])


def procrastinate(url: str, count: int) -> None:
    """Procrastinate, whose jobs are rows of PostgreSQL; it puts them there itself."""
    from procrastinate import App, PsycopgConnector  # type: ignore[import-not-found, unused-ignore]

    app = App(connector=PsycopgConnector(conninfo=url))
    done = Counter(count)

    @app.task(name="nothing", queue=QUEUE)  # type: ignore[untyped-decorator, unused-ignore]
    async def nothing(asked: dict[str, Any]) -> None:
        done()

    async def main() -> None:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            body = {"id": 1, "text": "x" * 800}
            for start in range(0, count, 500):
                some = min(500, count - start)
                await nothing.batch_defer_async(*({"asked": body} for _ in range(some)))
            print("full", flush=True)
            await app.run_worker_async(concurrency=100, wait=False, delete_jobs="never")
            await asyncio.Future()

    asyncio.run(main())


WHO: dict[str, Callable[[str, int], None]] = {
    "baton": baton,
    "bare": bare,
    "dramatiq": dramatiq,
    "celery": celery,
    "procrastinate": procrastinate,
}

if __name__ == "__main__":
    WHO[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
