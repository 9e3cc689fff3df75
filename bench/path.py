"""Path: a command from the dispatcher, through RabbitMQ and an agent, until the ledger has its end.

The bot's half is in this process, with a SQLite ledger; the agent is a process with a SQLite
journal. Beside it: a request and its reply over bare aio-pika with the same worker as in consume.py
and nothing written to disk but by the broker. First one at a time, then many in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from baton.bus.messages import Person, Request, encode, new_id, now
from baton.bus.signing.signer import UNSIGNED, Signer
from baton.consumer import Extension
from baton.extensions import Commands
from baton.process.garbage import tune_garbage_collector
from bench import harness
from bench.harness import Options, interleaved, median, ms, percentile, rabbit
from bench.peers.agent import Touch, TouchConsumer
from bench.peers.model import INBOX, PREFETCH, Result
from bot.app.dispatching import commands_of
from bot.app.garbage import THRESHOLDS
from bot.findings import LoggedFindings
from bot.ingest.sender_verification import SenderVerifier
from bot.ingest.updates import UpdateConsumer
from bot.jobs import Place
from bot.outbox.relay import OutboxRelay
from bot.store import Store
from tests.bot.world import a_dispatch
from tests.support.policy import OPEN
from tests.support.servers import NoHooks, make_registry
from tests.support.wait import until

IN_FLIGHT = 100
_names = itertools.count(1)
BATON, BARE = "Baton: ask → ledger", "bare aio-pika: request → reply"
Ask = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Figure:
    """Seconds that each took when alone, and when many are in flight; how many a second then."""

    alone: list[float]
    together: list[float]
    rate: float


async def no_groups() -> frozenset[str]:
    return frozenset()


@contextlib.asynccontextmanager
async def baton(url: str, signer: Signer = UNSIGNED, trusted: str = "") -> AsyncIterator[Ask]:
    """An ask of a command that does nothing; it returns once the ledger has closed the job.

    With a key that is `trusted` the agent insists on the signatures of `signer`.
    """
    waiting: dict[str, asyncio.Future[None]] = {}
    early: set[str] = set()
    asked: list[str] = []
    # a new one each time: what the last agent had not acknowledged when it was killed is not ours
    fqdn = f"web-{next(_names)}.example.net"

    def heard(job: str) -> None:
        future = waiting.pop(job, None)
        early.add(job) if future is None else future.set_result(None)

    with harness.folder() as place:
        async with contextlib.AsyncExitStack() as stack:
            store = await Store.open(f"sqlite:///{place}/ledger.db")
            stack.push_async_callback(store.close)
            channel = await stack.enter_async_context(harness.channel(url))
            servers = make_registry()
            servers.link_changed(channel.link)
            updates = UpdateConsumer(
                store, channel, servers, heard, SenderVerifier(), LoggedFindings(), NoHooks()
            )
            await updates.start()
            stack.push_async_callback(updates.stop)
            argv = (
                *harness.program("bench.peers.agent"),
                url,
                fqdn,
                place / "journal.sqlite",
                trusted,
            )
            await stack.enter_async_context(harness.process(*argv))
            relay = OutboxRelay(store, channel, lambda job: None, servers, poll=0.5, signer=signer)
            sending = asyncio.create_task(relay.run())
            stack.callback(sending.cancel)
            commands = commands_of(Commands([Extension(Touch, TouchConsumer)]))
            dispatcher = a_dispatch(
                store, servers, OPEN, commands, job_changed=lambda job: relay.wake()
            ).dispatcher
            await until(lambda: any(one.facts.host == fqdn for one in servers.servers()), 20)

            async def ask() -> None:
                reply = await dispatcher.ask(
                    f"touch prod --host {fqdn}",
                    asker=Person(id="U_ANN", name="ann"),
                    groups=no_groups,
                    place=Place("terminal", "C_OPS"),
                    key=new_id(),
                )
                assert reply.ok, reply.text
                if reply.job in early:
                    early.discard(reply.job)
                else:
                    future = waiting[reply.job] = asyncio.get_running_loop().create_future()
                    await asyncio.wait_for(future, 60)
                asked.append(reply.job)

            yield ask
            for job in asked[::10]:
                found = await store.ledger.job(job)
                assert found is not None
                assert found[0].closed, found


@contextlib.asynccontextmanager
async def bare(url: str) -> AsyncIterator[Ask]:
    """A request whose reply is decoded, over bare aio-pika."""
    waiting: dict[str, asyncio.Future[None]] = {}
    host = "web-1.example.net"
    connection = await aio_pika.connect_robust(url)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        await channel.set_qos(prefetch_count=PREFETCH)
        quorum = {"x-queue-type": "quorum"}
        await channel.declare_queue(INBOX, durable=True, arguments=quorum)
        replies = await channel.declare_queue("bench.replies", durable=True, arguments=quorum)
        argv = (*harness.program("bench.peers.with_aio_pika"), url)

        async def replied(message: AbstractIncomingMessage) -> None:
            result = Result.model_validate_json(message.body)
            await message.ack()
            waiting.pop(result.data.request).set_result(None)

        async def ask() -> None:
            request = Request(
                job=new_id(),
                command="touch",
                arguments={"environment": "prod", "host": host},
                environment="prod",
                host=host,
                deadline=now() + timedelta(minutes=1),
                requester=Person(id="U_ANN", name="ann"),
            )
            future = waiting[request.id] = asyncio.get_running_loop().create_future()
            persistent = aio_pika.DeliveryMode.PERSISTENT
            message = aio_pika.Message(
                encode(request), delivery_mode=persistent, reply_to=replies.name
            )
            await channel.default_exchange.publish(message, INBOX, timeout=10)
            await asyncio.wait_for(future, 60)

        async with harness.process(*argv) as worker:
            await worker.line()
            await replies.consume(replied)
            yield ask
        for name in (INBOX, replies.name):
            await channel.queue_delete(name)


async def measure(
    open_path: Callable[[str], contextlib.AbstractAsyncContextManager[Ask]],
    url: str,
    alone: int,
    together: int,
) -> Figure:
    """One round."""
    async with open_path(url) as ask:
        for _ in range(10):
            await ask()
        singles = [await timed(ask) for _ in range(alone)]
        turns = asyncio.Semaphore(IN_FLIGHT)

        async def in_turn() -> float:
            async with turns:
                return await timed(ask)

        begun = time.monotonic()
        many = await asyncio.gather(*(in_turn() for _ in range(together)))
        return Figure(singles, many, together / (time.monotonic() - begun))


async def timed(ask: Ask) -> float:
    """Seconds that `ask` takes."""
    begun = time.monotonic()
    await ask()
    return time.monotonic() - begun


async def main(options: Options) -> None:
    """Measure and print."""
    alone, together = options.size(200, 10), options.size(3000, 40)
    tune_garbage_collector(*THRESHOLDS)  # as a bot does
    async with rabbit(options) as url:
        found = await interleaved(
            {
                BARE: lambda: measure(bare, url, alone, together),
                BATON: lambda: measure(baton, url, alone, together),
            },
            options.rounds,
        )
    rates = {name: median([each.rate for each in figures]) for name, figures in found.items()}
    rows = []
    for name, figures in found.items():
        singles = [value for each in figures for value in each.alone]
        many = [value for each in figures for value in each.together]
        rows.append(
            (
                name,
                ms(median(singles)),
                ms(percentile(singles, 99)),
                f"{rates[name]:.0f}",
                f"{rates[name] / rates[BARE]:.2f}",
                ms(median(many)),
                ms(percentile(many, 99)),
            )
        )
    heads = ("", "p50 alone", "p99", f"/s, {IN_FLIGHT} in flight", "of bare", "p50 then", "p99")
    harness.table(heads, rows)
    harness.verdict("ask → ledger, of bare", rates[BATON] / rates[BARE], 0.75, least=True)


if __name__ == "__main__":
    harness.run(main, sys.modules["__main__"].__doc__)
