"""Consume: requests a second through an agent, beside bare aio-pika and four frameworks.

Each contender is one process that takes requests from a quorum queue (200 at a time), decodes them
with pydantic, does nothing, publishes a persistent result into a quorum queue, waits for its
confirm and acknowledges. The queue is full before it starts; the rate is taken from when a tenth
of the results are there until all are.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue, HeadersType

from baton.bus.amqp import wire
from baton.bus.exchanges import OUTPUT, agent_queue
from baton.bus.messages import Person, Request, encode, new_id, now
from bench import harness
from bench.harness import Options, interleaved, median, rabbit
from bench.peers.model import INBOX, OUTBOX

QUORUM: HeadersType = {"x-queue-type": "quorum"}
DRAMATIQ = {**QUORUM, "x-dead-letter-exchange": ""}
BARE = "bare aio-pika"
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Contender:
    """How one of them is started, and how it wants its messages."""

    argv: Callable[[str, str, Path], tuple[str | Path, ...]]
    message: Callable[[Body], aio_pika.Message]
    needs: str = ""
    ours: bool = False
    inbox: Mapping[str, Any] = field(default_factory=lambda: dict(QUORUM))
    outbox: Mapping[str, Any] = field(default_factory=lambda: dict(QUORUM))


def _message(body: object, **properties: Any) -> aio_pika.Message:
    values: dict[str, Any] = {"content_type": "application/json", "content_encoding": "utf-8"}
    values |= {"delivery_mode": aio_pika.DeliveryMode.PERSISTENT, **properties}
    return aio_pika.Message(json.dumps(body).encode(), **values)


def _dramatiq(body: Body) -> aio_pika.Message:
    head = {"queue_name": INBOX, "actor_name": "received", "options": {}, "kwargs": {}}
    stamp = {"message_id": body["id"], "message_timestamp": int(time.time() * 1000)}
    return _message({**head, **stamp, "args": [body]})


def _celery(body: Body) -> aio_pika.Message:
    headers = {"lang": "py", "task": "bench.received", "id": body["id"], "root_id": body["id"]}
    return _message([[body], {}, {}], headers=headers, correlation_id=body["id"])


def _peer(module: str, *more: str) -> Callable[[str, str, Path], tuple[str | Path, ...]]:
    return lambda url, fqdn, journal: (
        harness.PEERS_PYTHON,
        "-m",
        f"bench.peers.{module}",
        url,
        *more,
    )


def _agent(url: str, fqdn: str, journal: Path) -> tuple[str | Path, ...]:
    return (*harness.program("bench.peers.agent"), url, fqdn)


CONTENDERS = {
    BARE: Contender(
        lambda url, fqdn, journal: (*harness.program("bench.peers.with_aio_pika"), url), _message
    ),
    "Baton, no journal": Contender(_agent, _message, ours=True),
    "Baton, SQLite journal": Contender(
        lambda url, fqdn, journal: (*_agent(url, fqdn, journal), journal), _message, ours=True
    ),
    "Dramatiq": Contender(
        _peer("with_dramatiq"),
        _dramatiq,
        "dramatiq",
        inbox={**DRAMATIQ, "x-dead-letter-routing-key": f"{INBOX}.XQ"},
        outbox={**DRAMATIQ, "x-dead-letter-routing-key": f"{OUTBOX}.XQ"},
    ),
    "Nameko": Contender(_peer("with_nameko"), _message, "nameko"),
    "Celery": Contender(_peer("with_celery"), _celery, "celery"),
    "FastStream": Contender(_peer("with_faststream"), _message, "faststream"),
}
_names = itertools.count(1)


@dataclass(frozen=True)
class Figure:
    """Messages a second, and the worker's processor time for each, in microseconds."""

    rate: float
    cpu: float


async def measure(url: str, contender: Contender, count: int) -> Figure:
    """One round of `contender` with `count` requests."""
    fqdn = f"web-{next(_names)}.example.net"
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        inbox = agent_queue(fqdn).name if contender.ours else INBOX
        arguments = wire.queue_arguments(agent_queue(fqdn)) if contender.ours else contender.inbox
        queues = [
            await channel.declare_queue(inbox, durable=True, arguments=dict(arguments)),
            await channel.declare_queue(OUTBOX, durable=True, arguments=dict(contender.outbox)),
        ]
        if contender.ours:
            await channel.declare_exchange(OUTPUT, "topic", durable=True)
            await queues[1].bind(OUTPUT, "update.#")
        await _fill(channel, inbox, contender, fqdn, count)
        try:
            with harness.folder() as place:
                argv = contender.argv(url, fqdn, place / "journal.sqlite")
                async with harness.process(*argv) as worker:
                    figure = await _watched(channel, worker, count)
            if contender.ours:
                await _check(queues[1], count)
            return figure
        finally:
            for queue in queues:
                await channel.queue_delete(queue.name)


async def _fill(
    channel: AbstractChannel, inbox: str, contender: Contender, fqdn: str, count: int
) -> None:
    async def put() -> None:
        request = Request(
            job=new_id(),
            command="touch",
            arguments={"environment": "prod", "host": fqdn, "app": "shop"},
            environment="prod",
            host=fqdn,
            deadline=now() + timedelta(minutes=10),
            requester=Person(id="U_ANN", name="ann"),
        )
        message = contender.message(json.loads(encode(request)))
        await channel.default_exchange.publish(message, inbox)

    for start in range(0, count, 500):
        await asyncio.gather(*(put() for _ in range(min(500, count - start))))


async def _watched(channel: AbstractChannel, worker: harness.Process, count: int) -> Figure:
    """Look at the queue of results, which costs the broker little and the worker nothing."""
    deadline = time.monotonic() + 120
    first: tuple[float, int, float] | None = None
    while True:
        queue = await channel.declare_queue(OUTBOX, passive=True)
        there, at = queue.declaration_result.message_count or 0, time.monotonic()
        if first is None and there >= count // 10:
            first = (at, there, worker.cpu)
        if there >= count:
            assert first is not None
            done = max(1, there - first[1])
            used = max(worker.cpu - first[2], 1 / harness.TICKS)  # the kernel counts in ticks
            return Figure(done / max(at - first[0], 1e-6), used / done * 1e6)
        if at > deadline or not worker.running:
            raise RuntimeError(f"{there} of {count} results; the worker runs: {worker.running}")
        await asyncio.sleep(0.01)


async def _check(queue: AbstractQueue, count: int) -> None:
    """Every request must have succeeded, once."""
    jobs = set()
    async with queue.iterator() as found:
        async for message in found:
            body = json.loads(message.body)
            assert body["data"]["state"] == "succeeded", body
            jobs.add(body["data"]["job"])
            await message.ack()
            if len(jobs) == count:
                return


async def main(options: Options) -> None:
    """Measure, print, and compare with the targets."""
    count = options.size(6000, 60)
    chosen: dict[str, Contender] = {}
    for name, contender in CONTENDERS.items():
        if contender.needs and not await _importable(contender.needs):
            print(f"{name}: not installed")
        elif not (options.quick and contender.needs):
            chosen[name] = contender
    async with rabbit(options) as url:

        def once(contender: Contender) -> Callable[[], Any]:
            return lambda: measure(url, contender, count)

        found: dict[str, list[Figure]] = await interleaved(
            {name: once(contender) for name, contender in chosen.items()}, options.rounds
        )
    rate = {name: median([figure.rate for figure in each]) for name, each in found.items()}
    cpu = {name: median([figure.cpu for figure in each]) for name, each in found.items()}
    harness.table(
        ("consume → result → ack", "msg/s", "of bare", "CPU µs/msg", "of bare"),
        [
            (
                name,
                f"{rate[name]:.0f}",
                f"{rate[name] / rate[BARE]:.2f}",
                f"{cpu[name]:.0f}",
                f"{cpu[name] / cpu[BARE]:.2f}",
            )
            for name in found
        ],
    )
    plain = rate["Baton, no journal"]
    harness.verdict("no journal, of bare aio-pika", plain / rate[BARE], 0.9, least=True)
    kept = rate["Baton, SQLite journal"]
    harness.verdict("SQLite journal, of bare aio-pika", kept / rate[BARE], 0.5, least=True)
    for name in found:
        if CONTENDERS[name].needs:
            harness.verdict(f"no journal, of {name}", plain / rate[name], 1.0, least=True)


async def _importable(name: str) -> bool:
    if not harness.PEERS_PYTHON.exists():
        return False
    process = await asyncio.create_subprocess_exec(
        harness.PEERS_PYTHON,
        "-c",
        f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)",
    )
    return await process.wait() == 0


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
