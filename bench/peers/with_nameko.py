"""The same work with Nameko."""

from __future__ import annotations

import eventlet  # type: ignore[import-not-found, import-untyped, unused-ignore]

eventlet.monkey_patch()

import sys  # noqa: E402
from typing import Any  # noqa: E402

from kombu import Exchange, Queue  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: E402
from nameko.messaging import Publisher, consume  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: E402
from nameko.runners import ServiceRunner  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: E402

from bench.peers.model import INBOX, OUTBOX, PREFETCH, Request, work  # noqa: E402

INPUT = Queue(INBOX, Exchange(""), INBOX, queue_arguments={"x-queue-type": "quorum"})


class Service:
    name = "bench"
    publish = Publisher()

    @consume(INPUT)  # type: ignore[untyped-decorator, unused-ignore]
    def received(self, asked: dict[str, Any]) -> None:
        result = work(Request.model_validate(asked))
        self.publish(result.model_dump(mode="json"), routing_key=OUTBOX, mandatory=True)


def main(url: str) -> None:
    runner = ServiceRunner({"AMQP_URI": url, "max_workers": PREFETCH})
    runner.add_service(Service)
    runner.start()
    runner.wait()


if __name__ == "__main__":
    main(sys.argv[1])
