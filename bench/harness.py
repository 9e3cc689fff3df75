"""What the programs share: conditions, rounds, figures, and the servers and processes they need."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from baton.bus.channel import Channel
from baton.bus.connect import connect
from bot.cli.logs import LogFormat, LogLevel, set_up_logs
from tests.support.broker import Broker

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
BATON = ROOT / ".venv" / "bin" / "baton"
PEERS_PYTHON = ROOT / ".venv" / "bench" / "bin" / "python"
"""Where the other libraries are installed (see README.md)."""
LIBRARIES = ("aio-pika", "aiormq", "pydantic", "slack-bolt", "slack-sdk", "SQLAlchemy")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Options:
    """How a program is run. `bus` is a RabbitMQ that is there; without one a private one starts."""

    quick: bool = False
    rounds: int = 3
    bus: str | None = None

    def size(self, full: int, quick: int) -> int:
        """How much to do."""
        return quick if self.quick else full


Main = Callable[[Options], Awaitable[None]]


def run(main: Main, about: str | None) -> None:
    """Run the program `main` from the command line."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works")
    parser.add_argument("--rounds", type=int, help="measure so often, and take the median")
    parser.add_argument("--bus", help="an AMQP URL with an empty virtual host (else: private)")
    asked = parser.parse_args()
    rounds = asked.rounds or (1 if asked.quick else 3)
    quiet()
    conditions(about or "")
    asyncio.run(_run(main, Options(asked.quick, rounds, asked.bus)))


async def _run(main: Main, options: Options) -> None:
    await main(options)
    print(f"load average at the end: {_load()}")


def quiet() -> None:
    """Log errors only."""
    set_up_logs(LogLevel.ERROR, LogFormat.LOGFMT)


def conditions(about: str) -> None:
    """Print what the figures depend on."""
    print(f"\n{about.strip().splitlines()[0] if about else ''}")
    libraries = ", ".join(f"{name} {installed(name)}" for name in LIBRARIES)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {libraries}")
    print(f"load average at the start: {_load()}", flush=True)


def installed(name: str) -> str:
    """The version of a library, for people."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _load() -> str:
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


@contextlib.asynccontextmanager
async def rabbit(options: Options) -> AsyncIterator[str]:
    """The URL of a virtual host to measure on."""
    if options.bus is not None:
        yield options.bus
        return
    broker = Broker()
    try:
        await broker.start()
        release = broker.eval("rabbit_misc:version().").strip('"')
        print(f"RabbitMQ {release}, started for this, on this machine", flush=True)
        yield broker.vhost()
    finally:
        await asyncio.to_thread(broker.close)


@contextlib.asynccontextmanager
async def channel(url: str, name: str = "bench") -> AsyncIterator[Channel]:
    """A channel to the bus, with its link up."""
    made = await connect(url, name=name)
    try:
        await asyncio.wait_for(made.wait_up(), 30)
        yield made
    finally:
        await made.close()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-", ignore_cleanup_errors=True) as made:
        yield Path(made)


class Process:
    """A program under measurement, a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def line(self, within: float = 60.0) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), within)
        if not said:
            raise RuntimeError(f"process {self.pid} ended with code {await self._process.wait()}")
        return said.decode().rstrip("\n")

    async def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def cpu(self) -> float:
        """The processor time that it has used so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> tuple[float, float]:
        """RSS and PSS in MB."""
        found = {"Rss": 0.0, "Pss": 0.0}
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0]) / 1024
        return found["Rss"], found["Pss"]

    async def end(self) -> None:
        """Kill it: what it measures is over, and nobody waits for its clean end."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


@contextlib.asynccontextmanager
async def process(
    *argv: str | Path, env: Mapping[str, str] | None = None, loud: bool = True
) -> AsyncIterator[Process]:
    """`argv` as a process, ended afterwards. What it says on standard error is shown if `loud`."""
    started = Process(
        await asyncio.create_subprocess_exec(
            *map(str, argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if loud else asyncio.subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
        )
    )
    try:
        yield started
    finally:
        await started.end()


def program(name: str) -> tuple[str, str, str]:
    """How a module of ours is run."""
    return (sys.executable, "-m", name)


async def interleaved(
    contenders: Mapping[str, Callable[[], Awaitable[T]]], rounds: int
) -> dict[str, list[T]]:
    """What each contender gives in each round: A B C, A B C, ..., so that a busy machine is unfair
    to all alike."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            results[name].append(await measure())
    return results


def median(values: Sequence[float]) -> float:
    """The median, or NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1] if ordered else float("nan")


def ms(seconds: float) -> str:
    """A duration, for people."""
    return f"{seconds * 1000:.2f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    cells = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(heads))]
    for row in cells:
        first, *rest = (
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *rest]).rstrip())
    print(flush=True)


def verdict(what: str, value: float, target: float, *, least: bool = False, unit: str = "") -> None:
    """Say whether a target is met: `value` must be under it, or at `least` it."""
    met = value >= target if least else value <= target
    word = "met" if met else "MISSED"
    must = "at least" if least else "at most"
    print(f"{word}: {what}: {value:.4g}{unit} ({must} {target:g}{unit})", flush=True)
