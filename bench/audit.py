"""Audit: the export of an audit log of a million entries, and its verification.

`baton audit export` from SQLite and from PostgreSQL, in turn with the databases' own programs that
write the same table: `sqlite3 .dump` and `psql \\copy`. Then `baton audit verify` of the file, and
the verifier that needs only Python. Memory is the peak of the process, over the whole log and over
the last tenth of it: it must not grow with the log.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, make_url, update

from baton.bus.messages import Person
from bench import harness
from bench.harness import Options, interleaved, median
from bot.audit import verifier
from bot.audit.chain import Head
from bot.jobs import AuditEntry, Place
from bot.store import Store
from bot.store.jobs.job_rows import audit_row
from bot.store.tables.job_tables import audit, audit_head
from tests.support.postgres import Postgres

ENTRIES, QUICK = 1_000_000, 2_000
BATCH = 5_000
SECONDS, MEMORY, GROWTH = 60.0, 100.0, 5.0
"""Targets: of an export, MB at its peak, and MB more for ten times the entries."""
LOOK = 0.02
"""Seconds between two looks at the memory of a process."""
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a program took: seconds, those of them on a processor, and MB at its peak."""

    seconds: float
    cpu: float
    memory: float


def entry(number: int) -> AuditEntry:
    """An ask as people write it."""
    return AuditEntry(
        T0 + timedelta(seconds=number),
        Person(id=f"U{number % 97:08}", name=f"person {number % 97}"),
        Place("slack", f"C{number % 13:08}", f"1764244800.{number:06}", "ops"),
        f"deploy shop prod --ref v{number}",
        "allowed",
        job=f"j{number:011}",
        environment="prod",
        key=f"k{number:011}",
    )


async def fill(url: str, count: int) -> Head:
    """Write a log of `count` entries, sealed; return its head."""
    store, head = await Store.open(url), Head()
    try:
        for begin in range(0, count, BATCH):
            rows = []
            for number in range(begin, min(begin + BATCH, count)):
                one, before = entry(number), head.hash
                head = head.sealed(one)
                link = {"link": head.number, "previous": before, "hash": head.hash}
                rows.append({**audit_row(one), **link})
            await store._database.write(partial(_insert, rows))
        await store._database.write(partial(_keep, head))
    finally:
        await store.close()
    return head


def _insert(rows: Sequence[Mapping[str, Any]], connection: Connection) -> None:
    connection.execute(insert(audit), rows)


def _keep(head: Head, connection: Connection) -> None:
    connection.execute(update(audit_head).values(number=head.number, hash=head.hash))


async def measure(*argv: str | Path, to: Path | None = None) -> Figure:
    """Run `argv` to its end. Raises RuntimeError if it fails."""
    begun, peak, cpu = time.perf_counter(), 0.0, 0.0
    with (to or Path("/dev/null")).open("wb") as output:
        process = await asyncio.create_subprocess_exec(*map(str, argv), stdout=output)
        ended = asyncio.create_task(process.wait())
        while not (await asyncio.wait([ended], timeout=LOOK))[0]:
            peak, cpu = max(peak, _peak(process.pid)), max(cpu, _cpu(process.pid))
    if ended.result():
        raise RuntimeError(f"{argv[0]} ended with code {ended.result()}")
    return Figure(time.perf_counter() - begun, cpu, peak)


def _peak(pid: int) -> float:
    """The most MB that the process has had; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _cpu(pid: int) -> float:
    """The seconds that the process has had of a processor; 0 once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / harness.TICKS


def reference(url: str) -> tuple[str, tuple[str, ...]]:
    """The name of the database's own program that writes the table, and how it is run."""
    at = make_url(url)
    if at.get_backend_name() == "sqlite":
        return "sqlite3 .dump", ("sqlite3", str(at.database), ".dump audit")
    plain = at.set(drivername="postgresql").render_as_string(hide_password=False)
    return r"psql \copy", ("psql", "-q", plain, "-c", r"\copy audit to stdout")


async def database(name: str, url: str, folder: Path, options: Options) -> list[tuple[str, ...]]:
    """Measure the log in the database at `url`; return the rows of the table."""
    count = options.size(ENTRIES, QUICK)
    head = await fill(url, count)
    config, file = folder / f"{name}.toml", folder / f"{name}.jsonl"
    config.write_text(
        f'[database]\nurl = "{url}"\n[slack]\nbot_token = "xoxb-x"\napp_token = "xapp-x"\n'
    )
    export = (harness.BATON, "audit", "export", "--config", config, "-o")
    own, argv = reference(url)
    runs: dict[str, Callable[[], Awaitable[Figure]]] = {
        "export": lambda: measure(*export, file),
        own: lambda: measure(*argv, to=folder / "reference"),
        "export of the last tenth": lambda: measure(
            *export, folder / "tenth", "--first", str(count - count // 10 + 1)
        ),
    }
    script = folder / "verifier.py"
    await asyncio.to_thread(shutil.copy, verifier.__file__, script)
    runs |= {
        "verify": lambda: measure(harness.BATON, "audit", "verify", file, "--head", str(head)),
        "verifier.py": lambda: measure(sys.executable, "-I", script, file, "--head", str(head)),
    }
    found = await interleaved(runs, options.rounds)
    seconds = {each: median([one.seconds for one in some]) for each, some in found.items()}
    cpu = {each: median([one.cpu for one in some]) for each, some in found.items()}
    memory = {each: max(one.memory for one in some) for each, some in found.items()}
    harness.verdict(f"{name}: export", seconds["export"], SECONDS, unit=" s")
    harness.verdict(f"{name}: export, memory", memory["export"], MEMORY, unit=" MB")
    harness.verdict(f"{name}: verify, memory", memory["verify"], MEMORY, unit=" MB")
    more = memory["export"] - memory["export of the last tenth"]
    harness.verdict(f"{name}: memory for ten times the entries, more", more, GROWTH, unit=" MB")
    tenth = "export of the last tenth"
    return [
        (
            f"{name}, {each}",
            f"{seconds[each]:.1f} s",
            f"{cpu[each]:.1f} s",
            f"{(count // 10 if each == tenth else count) / seconds[each]:,.0f}",
            f"{memory[each]:.0f} MB",
            f"{seconds[own] / seconds[each]:.2f}" if each in ("export", own) else "",
        )
        for each in runs
    ]


async def with_postgres(folder: Path, options: Options) -> list[tuple[str, ...]]:
    """Measure over a PostgreSQL of our own."""
    postgres = await asyncio.to_thread(Postgres)
    try:
        await postgres.start()
        return await database("PostgreSQL", postgres.database(), folder, options)
    finally:
        await asyncio.to_thread(postgres.close)


async def main(options: Options) -> None:
    """Measure over each database; quickly over one."""
    rows: list[tuple[str, ...]] = []
    with harness.folder() as folder:
        rows += await database("SQLite", f"sqlite:///{folder}/baton.db", folder, options)
        if not options.quick:
            rows += await with_postgres(folder, options)
    heads = (
        f"{options.size(ENTRIES, QUICK):,} entries",
        "took",
        "processor",
        "entries/s",
        "peak",
        "of its own",
    )
    harness.table(heads, rows)


if __name__ == "__main__":
    harness.run(main, __doc__)
