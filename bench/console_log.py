"""Console log: reading and searching a log of a million lines over the console's API.

One job, 1,000,000 lines of 100 characters on one server, a line a piece, in SQLite and in
PostgreSQL; the same in pieces of 80 lines on 20 servers, and with colours. Client and bot share
one process. Beside it: `grep` over the same text in a file. While a search runs, the ledger is
asked for a job again and again: it must not wait for the search.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, insert, update

from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import now
from bench import harness
from bench.harness import Options, median, ms, percentile
from bot.app.console import serve_console
from bot.store import Store
from bot.store.tables.job_tables import output, runs
from bot.web.console.access import LocalAccess
from bot.web.server import WebServer
from tests.bot.build import ANN
from tests.bot.store.build import asked, deploy
from tests.bot.world import a_bot
from tests.support.postgres import Postgres

LINES, QUICK = 1_000_000, 11_000
PAGE = 500
RARE, OFTEN, NEVER = "line 7654321 ", "BUILDING", "no such words"
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How a log is stored."""

    name: str
    servers: int = 1
    lines_a_piece: int = 1
    colours: bool = False


SHAPES = (
    Shape("a line a piece"),
    Shape("80 a piece, 20 servers", 20, 80),
    Shape("coloured, 80 a piece", 1, 80, True),
)


@dataclass
class Console:
    """A console on loopback, over a ledger."""

    store: Store
    client: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(f"/api/v1{path}", params=query)
        answer.raise_for_status()
        return answer.json()


@contextlib.asynccontextmanager
async def console(url: str) -> AsyncIterator[Console]:
    """A console over the database at `url`."""
    async with contextlib.AsyncExitStack() as stack:
        store = await Store.open(url)
        stack.push_async_callback(store.close)
        channel = MemoryChannel("memory://bench", on=MemoryBus("bench"))
        stack.push_async_callback(channel.close)
        web = WebServer.listen("127.0.0.1", 0)
        serve_console(web, a_bot(store, channel), LocalAccess(ANN, "slack", [web.url]))
        stack.push_async_callback(web.stop)
        client = httpx.AsyncClient(base_url=web.url, trust_env=False, verify=False, timeout=120)
        yield Console(store, await stack.enter_async_context(client))


def text_of(number: int, colours: bool) -> str:
    """A line of 100 characters, or some more with colours."""
    named = f"line {number + 1} "
    if number == 654_320:
        named = RARE
    line = f"{named}is about the building of the shop, and is as long as others".ljust(100, ".")
    return f"\x1b[32m{line[:20]}\x1b[0m{line[20:]}" if colours else line


async def filled(store: Store, shape: Shape, lines: int) -> str:
    """The id of a job with so many lines of output."""
    hosts = [f"web-{number:02}" for number in range(shape.servers)]
    job = (await asked(store, deploy(*hosts))).job.id
    each = lines // shape.servers
    for place, host in enumerate(hosts):
        rows: list[dict[str, Any]] = []
        size = 0
        for begin in range(0, each, shape.lines_a_piece):
            end = min(begin + shape.lines_a_piece, each)
            numbers = range(place * each + begin, place * each + end)
            text = "\n".join(text_of(number, shape.colours) for number in numbers)
            size += len(text)
            rows.append(
                {"job": job, "host": host, "attempt": 1, "ends": size, "lines": end}
                | {"sequence": end, "time": now(), "level": "log", "step": "build", "text": text}
            )
        for start in range(0, len(rows), BATCH):
            await store._database.write(_insert(rows[start : start + BATCH]))
        await store._database.write(_sizes(job, host, each, size))
    return job


def _insert(rows: list[dict[str, Any]]) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(insert(output), rows)

    return work


def _sizes(job: str, host: str, lines: int, size: int) -> Callable[[Connection], None]:
    of_run = (runs.c.job == job, runs.c.host == host)
    statement = update(runs).where(*of_run).values(lines=lines, size=size)

    def work(connection: Connection) -> None:
        connection.execute(statement)

    return work


async def took(work: Awaitable[Any]) -> tuple[float, Any]:
    """How long `work` takes, and what it gives."""
    begun = time.perf_counter()
    result = await work
    return time.perf_counter() - begun, result


@dataclass
class Figures:
    """What one log costs, in seconds."""

    jumps: list[float]
    searches: dict[str, float]
    meanwhile: list[float]
    whole: float


async def measure(at: Console, shape: Shape, lines: int, rounds: int) -> Figures:
    """Jump, search and download."""
    job = await filled(at.store, shape, lines)
    chosen = random.Random(1)
    jumps = []
    for _ in range(10 * rounds):
        host = f"web-{chosen.randrange(shape.servers):02}"
        first = chosen.randint(1, lines // shape.servers - PAGE)
        page = at.get(f"/jobs/{job}/log", host=host, first=first, count=PAGE)
        seconds, found = await took(page)
        assert [line["line"] for line in found["lines"]] == [*range(first, first + PAGE)]
        jumps.append(seconds)
    searches: dict[str, float] = {}
    meanwhile: list[float] = []
    for words in (RARE, OFTEN, NEVER):
        measured = []
        for _ in range(rounds):
            asking = asyncio.create_task(_asking(at.store, job, meanwhile))
            seconds, found = await took(at.get(f"/jobs/{job}/search", q=words))
            asking.cancel()
            want = {RARE: int(lines > 654_320), OFTEN: lines, NEVER: 0}[words]
            assert found["count"] == want or not found["whole"], found["count"]
            measured.append(seconds)
        searches[words] = median(measured)
    whole, _ = await took(_download(at, job))
    return Figures(jumps, searches, meanwhile, whole)


async def _asking(store: Store, job: str, waits: list[float]) -> None:
    """Ask the ledger for the job, again and again."""
    while True:
        seconds, _ = await took(store.ledger.job(job))
        waits.append(seconds)
        await asyncio.sleep(0.01)


async def _download(at: Console, job: str) -> int:
    size = 0
    async with at.client.stream("GET", f"/api/v1/jobs/{job}/log.txt") as answer:
        async for part in answer.aiter_bytes():
            size += len(part)
    return size


async def grep(folder: Path, lines: int) -> float:
    """How long grep takes to count what is there often, in any case."""
    file = folder / "log.txt"
    file.write_text("".join(f"{text_of(number, False)}\n" for number in range(lines)))
    argv = ["grep", "-c", "-i", OFTEN, str(file)]
    begun = time.perf_counter()
    await asyncio.to_thread(subprocess.run, argv, check=True, capture_output=True)
    return time.perf_counter() - begun


async def main(options: Options) -> None:
    """Measure each shape over each database."""
    lines = options.size(LINES, QUICK)
    rows: list[tuple[str, ...]] = []
    worst_jump, worst_search, worst_wait = 0.0, 0.0, 0.0
    with harness.folder() as folder:
        print(f"grep -c -i over the same text: {ms(await grep(folder, lines))}")
        postgres = Postgres()
        try:
            await postgres.start()
            databases = {
                "SQLite": f"sqlite:///{folder}/baton.db",
                "PostgreSQL": postgres.database(),
            }
            for database, url in databases.items():
                async with console(url) as at:
                    for shape in SHAPES:
                        found = await measure(at, shape, lines, options.rounds)
                        waited = percentile(found.meanwhile, 99)
                        rows.append(
                            (
                                f"{database}, {shape.name}",
                                ms(median(found.jumps)),
                                ms(max(found.jumps)),
                                *(ms(seconds) for seconds in found.searches.values()),
                                ms(waited),
                                f"{found.whole:.1f} s",
                            )
                        )
                        worst_jump = max(worst_jump, *found.jumps)
                        worst_search = max(worst_search, *found.searches.values())
                        worst_wait = max(worst_wait, waited)
        finally:
            await asyncio.to_thread(postgres.close)
    heads = (f"{lines:,} lines", "jump p50", "worst", "search: rare", "every line", "none")
    harness.table((*heads, "ledger meanwhile p99", "download"), rows)
    harness.verdict("jump", worst_jump, 0.3, unit=" s")
    harness.verdict("search", worst_search, 2.0, unit=" s")
    harness.verdict("the ledger while a search runs, p99", worst_wait, 0.2, unit=" s")


if __name__ == "__main__":
    harness.run(main, __doc__)
