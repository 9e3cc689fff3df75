"""Worker: jobs a second that do nothing, beside bare aio-pika and three frameworks; and kills.

Each contender is one process that takes jobs from a durable queue that is full before it starts, a
quorum queue of RabbitMQ's (Procrastinate: a table of PostgreSQL), does nothing, and acknowledges.
Baton's worker has its journal on disk. The rate is taken from when a tenth is done until all are.
Then 10,000 jobs are done by two workers, one of which is killed with -9 each second, once it has
worked for one; and 10,000 blocked jobs wait beside an idle worker.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika

from baton.bus.channel import Channel, Delivery
from baton.bus.connect import connect
from baton.bus.exchanges import (
    BOT_QUEUE,
    OUTPUT,
    PARKED,
    TIERS,
    Tier,
    work_bindings,
    work_queue,
)
from baton.bus.messages import CONTENT_TYPE, Update, decode, encode
from baton.worker.incoming import read_parts
from bench import harness
from bench.harness import Options, interleaved, median, rabbit
from bench.peers.noop import QUEUE
from tests.baton.worker.world import build_request
from tests.support.postgres import Postgres
from tests.support.worker import Killing, worker_process

QUORUM = {"x-queue-type": "quorum"}
BARE, BATON = "bare aio-pika", "Baton, SQLite journal"


def _plain(number: int) -> aio_pika.Message:
    return _message(json.loads(build_request("nothing", number)))


def _message(body: object, **properties: Any) -> aio_pika.Message:
    values: dict[str, Any] = {"content_type": "application/json", "content_encoding": "utf-8"}
    values |= {"delivery_mode": aio_pika.DeliveryMode.PERSISTENT, **properties}
    return aio_pika.Message(json.dumps(body).encode(), **values)


def _dramatiq(number: int) -> aio_pika.Message:
    body = json.loads(build_request("nothing", number))
    head = {"queue_name": QUEUE, "actor_name": "nothing", "options": {}, "kwargs": {}}
    stamp = {"message_id": str(number), "message_timestamp": int(time.time() * 1000)}
    return _message({**head, **stamp, "args": [body]})


def _celery(number: int) -> aio_pika.Message:
    body = json.loads(build_request("nothing", number))
    name = f"job-{number}"
    headers = {"lang": "py", "task": "bench.nothing", "id": name, "root_id": name}
    return _message([[body], {}, {}], headers=headers, correlation_id=name)


@dataclass(frozen=True)
class Contender:
    """How one of them is called, and how it wants its messages."""

    who: str
    message: Callable[[int], aio_pika.Message] = _plain
    needs: str = ""
    queue: Mapping[str, Any] = field(default_factory=lambda: dict(QUORUM))


CONTENDERS = {
    BARE: Contender("bare"),
    BATON: Contender("baton"),
    "Dramatiq": Contender(
        "dramatiq",
        _dramatiq,
        "dramatiq",
        {**QUORUM, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{QUEUE}.XQ"},
    ),
    "Celery": Contender("celery", _celery, "celery"),
    "Procrastinate": Contender("procrastinate", needs="procrastinate"),
}


@dataclass(frozen=True)
class Figure:
    """Jobs a second, and the worker's processor time for each, in microseconds."""

    rate: float
    cpu: float


async def measure(url: str, contender: Contender, count: int) -> Figure:
    """One round of `contender`."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(QUEUE, durable=True, arguments=dict(contender.queue))
        for start in range(0, count, 500):
            some = range(start, min(start + 500, count))
            await asyncio.gather(
                *(channel.default_exchange.publish(contender.message(n), QUEUE) for n in some)
            )
        try:
            return await _rate(url, contender, count)
        finally:
            await queue.delete(if_unused=False, if_empty=False)


async def _rate(url: str, contender: Contender, count: int) -> Figure:
    python = harness.PEERS_PYTHON if contender.needs else sys.executable
    async with harness.process(
        python, "-m", "bench.peers.noop", contender.who, url, str(count)
    ) as worker:
        # some greet, and say what they have
        while not _is_time(line := await worker.line(120)):
            pass
        first, used = float(line), worker.cpu
        last = float(await worker.line(240))
        done = count - max(count // 10, 1)
        return Figure(done / (last - first), max(worker.cpu - used, 0.0) / done * 1e6)


def _is_time(line: str) -> bool:
    return line.replace(".", "", 1).isdigit()


async def rates(options: Options, url: str) -> None:
    """Compare the contenders, and say whether the targets are met."""
    count = options.size(6000, 60)
    postgres: Postgres | None = None
    chosen: dict[str, Callable[[], Any]] = {}
    try:
        for name, contender in CONTENDERS.items():
            if contender.needs and (options.quick or not await _importable(contender.needs)):
                print(f"{name}: not installed" if not options.quick else f"{name}: left out")
            elif contender.needs == "procrastinate":
                postgres = await asyncio.to_thread(Postgres)
                await asyncio.to_thread(postgres.start_now)
                chosen[name] = lambda each=contender, on=postgres: _rate(
                    _plain_url(on), each, count
                )  # type: ignore[misc]
            else:
                chosen[name] = lambda each=contender: measure(url, each, count)  # type: ignore[misc]
        found: dict[str, list[Figure]] = await interleaved(chosen, options.rounds)
    finally:
        if postgres is not None:
            await asyncio.to_thread(postgres.close)
    rate = {name: median([each.rate for each in of]) for name, of in found.items()}
    cpu = {name: median([each.cpu for each in of]) for name, of in found.items()}
    harness.table(
        ("take → nothing → ack", "jobs/s", "of bare", "CPU µs/job"),
        [
            (name, f"{rate[name]:.0f}", f"{rate[name] / rate[BARE]:.2f}", f"{cpu[name]:.0f}")
            for name in found
        ],
    )
    harness.verdict("of bare aio-pika", rate[BATON] / rate[BARE], 0.6, least=True)
    for name in found:
        if CONTENDERS[name].needs:
            harness.verdict(f"of {name}", rate[BATON] / rate[name], 1.0, least=True)


def _plain_url(postgres: Postgres) -> str:
    return postgres.database().replace("+asyncpg", "")


async def _importable(name: str) -> bool:
    if not harness.PEERS_PYTHON.exists():
        return False
    process = await asyncio.create_subprocess_exec(
        harness.PEERS_PYTHON,
        "-c",
        f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)",
    )
    return await process.wait() == 0


async def kills(options: Options, url: str) -> None:
    """Two workers of one queue, one of which is killed each second."""
    count = options.size(10_000, 60)
    for foreign in (False,) if options.quick else (False, True):
        with harness.folder() as folder:
            kind = "a plain classic queue" if foreign else "a quorum queue"
            killing = Killing(url, folder, f"kills{foreign:d}", foreign, concurrency=100)
            began = time.monotonic()
            asked = await killing.run(count, every=1.0, within=1800)
            print(
                f"{count} jobs of {kind} in {time.monotonic() - began:.0f} s, {killing.kills} kills"
            )
            twice = sum(times > 1 for times in killing.starts.values())
            harness.verdict("jobs started twice", twice, 0)
            harness.verdict("jobs that did not end", len(asked - set(killing.ends)), 0)
            harness.verdict("jobs that ended twice", len(killing.different_ends()), 0)


async def parked(options: Options, url: str) -> None:
    """Blocked jobs beside a worker: what it costs, and how late it looks at them."""
    count = options.size(10_000, 60)
    tier = TIERS[0] if options.quick else TIERS[2]
    late: list[float] = []
    began: dict[str, float] = {}

    async def heard(delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        if isinstance(message, Update) and message.state.final:
            late.append(message.time.timestamp() - began[message.job] - tier.seconds)
        await delivery.ack()

    with harness.folder() as folder:
        channel = await connect(url, owner=True, worker=True)
        try:
            await asyncio.wait_for(channel.wait_up(), 30)
            await channel.declare(BOT_QUEUE, [(OUTPUT, "update.#")])
            await channel.consume(BOT_QUEUE, heard, prefetch=500)
            worker = await worker_process(
                url, "worker.idle", Path(folder), "parked", False, 0, 1000
            )
            await worker.ready
            await _park(channel, tier, count, began)
            pid, until = worker.process.pid, min(began.values()) + tier.seconds - 2
            used, at = _cpu(pid), time.time()
            await asyncio.sleep(max(until - time.time(), 1))
            share = (_cpu(pid) - used) / (time.time() - at) * 100
            deadline = time.monotonic() + 120
            while len(late) < count and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await worker.end(9)
        finally:
            await channel.close()
    harness.verdict("idle worker beside parked jobs, of a core", share, 2.0, unit=" %")
    harness.verdict("parked jobs that did not come back", count - len(late), 0)
    harness.verdict("seconds late, the last one", max(late, default=0.0), 2.0, unit=" s")


async def _park(channel: Channel, tier: Tier, count: int, began: dict[str, float]) -> None:
    """Park so many jobs over most of the time of their tier, as whoever finds them blocked would
    one after the other."""
    killing = Killing("", Path(), "parked", False)
    for each in TIERS:
        await channel.declare(each.queue, each.bindings)
    await channel.declare(work_queue("parked"), work_bindings("parked"))

    async def park() -> None:
        asked = killing.request()
        body = encode(asked)
        job = read_parts(body, CONTENT_TYPE, {}, "", "parked", "note", "prod")
        job = job.parked(2, 1, time.time())
        await channel.publish(
            PARKED, tier.key("parked"), job.envelope(), mandatory=True, timeout=60
        )
        began[asked.job] = time.time()

    began_at, spread = time.monotonic(), tier.seconds * 0.9
    for start in range(0, count, 50):
        await asyncio.gather(*(park() for _ in range(min(50, count - start))))
        due = began_at + spread * (start + 50) / count
        await asyncio.sleep(max(due - time.monotonic(), 0.0))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / harness.TICKS


async def main(options: Options) -> None:
    """Measure all of it."""
    async with rabbit(options) as url:
        await rates(options, url)
        await kills(options, url)
        await parked(options, url)


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
