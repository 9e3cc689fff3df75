"""A worker as a process, whose jobs leave a line in a file when they start; and killing it.

python -m tests.support.worker URL NAME FOLDER QUEUE [foreign]
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from baton.bus.api import API
from baton.bus.channel import Channel, Delivery
from baton.bus.connect import connect
from baton.bus.exchanges import (
    BOT_QUEUE,
    INPUT,
    OUTPUT,
    foreign_queue,
    work_bindings,
    work_key,
    work_queue,
)
from baton.bus.messages import Person, Request, Update, decode, new_id, now
from baton.worker.journal import WorkJournal
from baton.worker.processors.protocol import Output
from baton.worker.service import WorkerService
from baton.worker.settings import RunnerSettings, WorkerSettings
from baton.worker.work import Outcome, Work

ROOT = Path(__file__).resolve().parents[2]
WORKERS = ("worker.a", "worker.b")


class Noting:
    """A runner whose jobs note that they start, in one write, and then take `seconds`."""

    def __init__(self, settings: RunnerSettings, file: Path, seconds: float) -> None:
        self.name = "note"
        self.settings = settings
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._seconds = seconds

    async def run(self, work: Work, output: Output) -> Outcome:
        os.write(self._file, f"{work.id} {work.attempt}\n".encode())
        await asyncio.sleep(self._seconds)
        return Outcome()


def settings_of(
    url: str, name: str, folder: Path, queue: str, foreign: bool, concurrency: int
) -> WorkerSettings:
    """The settings of a worker of one queue."""
    return WorkerSettings.model_validate(
        {
            "bus": {"url": url},
            "worker": {"environment": "prod", "name": name, "state": str(folder), "drain": 0},
            "queues": {queue: {"runner": "note", "foreign": foreign}},
            "runner": {"note": {"runner": "note!", "concurrency": concurrency}},
        }
    )


async def main(words: Sequence[str]) -> None:
    """Be a worker."""
    url, name, place, queue, foreign, seconds, concurrency = words
    folder = Path(place)
    settings = settings_of(url, name, folder, queue, foreign == "foreign", int(concurrency))
    runner = Noting(settings.runner["note"], folder / "starts", float(seconds))
    service = await WorkerService.from_settings(settings, {"note": runner})
    service.stop_on_signals()
    running = asyncio.create_task(service.run())
    await asyncio.wait(
        {running, asyncio.create_task(service.ready.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    print("ready", flush=True)
    await running


class WorkerProcess:
    """A worker's process; `ready` once it takes jobs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self.process = process
        self.began = time.monotonic()
        self.ready = asyncio.create_task(process.stdout.readline())
        self.ready.add_done_callback(self._is_ready)
        self.since = math.inf

    def _is_ready(self, _: object) -> None:
        self.since = time.monotonic()

    def has_worked(self, seconds: float) -> bool:
        """Whether it takes jobs for so long now."""
        return time.monotonic() - self.since >= seconds

    async def end(self, number: int) -> None:
        """Send it the signal, and wait for its end."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        await asyncio.wait_for(self.process.wait(), 60)
        self.ready.cancel()


@dataclass
class Killing:
    """Two workers of one queue, one of which is killed again and again, and what came of it."""

    url: str
    folder: Path
    queue: str
    foreign: bool
    seconds: float = 0.02
    concurrency: int = 100
    kills: int = 0
    ends: dict[str, list[Update]] = field(default_factory=lambda: defaultdict(list))

    async def run(
        self, jobs: int, every: float, within: float = 120.0, most: int = 10**6
    ) -> set[str]:
        """Do so many jobs, killing one of the workers `every` so many seconds, at `most` so often,
        and each once it has worked as long: else one that starts slowly, on a busy machine, never
        comes to work. Return the jobs."""
        channel = await connect(self.url, owner=True, worker=True)
        running: dict[str, WorkerProcess] = {}
        try:
            await asyncio.wait_for(channel.wait_up(), 60)
            asked = await self._ask(channel, jobs)
            await channel.consume(BOT_QUEUE, self._heard, prefetch=500)
            for name in WORKERS:
                running[name] = await self._start(name)
            deadline, due = time.monotonic() + within, time.monotonic() + every
            turns = itertools.cycle(WORKERS)
            turn = next(turns)
            while len(self.ends) < jobs:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{len(self.ends)} of {jobs} jobs ended")
                is_due = self.kills < most and time.monotonic() >= due
                if is_due and running[turn].has_worked(every):
                    due = time.monotonic() + every
                    await running[turn].end(signal.SIGKILL)
                    running[turn] = await self._start(turn)
                    self.kills += 1
                    turn = next(turns)
                await asyncio.sleep(0.01)
            for process in running.values():
                await process.end(signal.SIGTERM)
            return asked
        finally:
            for process in running.values():
                await process.end(signal.SIGKILL)
            await channel.close()

    @property
    def starts(self) -> Counter[str]:
        """How often each job was started."""
        lines = (self.folder / "starts").read_text().splitlines()
        return Counter(line.partition(" ")[0] for line in lines)

    def different_ends(self) -> list[str]:
        """The jobs of which more than one closing message was sent."""
        return [job for job, said in self.ends.items() if len({each.id for each in said}) > 1]

    async def _ask(self, channel: Channel, jobs: int) -> set[str]:
        await channel.declare(BOT_QUEUE, [(OUTPUT, "update.#")])
        key = work_key(self.queue)
        if self.foreign:
            key = f"to.{self.queue}"
            await channel.declare(foreign_queue(self.queue), [(INPUT, key)])
        else:
            await channel.declare(work_queue(self.queue), work_bindings(self.queue))
        asked = [self.request() for _ in range(jobs)]
        api = API(channel)
        for start in range(0, jobs, 500):
            some = asked[start : start + 500]
            await asyncio.gather(
                *(api.publish(INPUT, key, each, mandatory=True, timeout=60) for each in some)
            )
        return {each.job for each in asked}

    def request(self) -> Request:
        """A request of the bot's to the queue."""
        return Request(
            job=new_id(),
            command="note",
            environment="prod",
            host=work_key(self.queue),
            deadline=now() + timedelta(hours=1),
            timeout=3600.0,
            requester=Person(id="U_ANN"),
        )

    async def _start(self, name: str) -> WorkerProcess:
        return await worker_process(
            self.url, name, self.folder, self.queue, self.foreign, self.seconds, self.concurrency
        )

    async def _heard(self, delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        if isinstance(message, Update) and message.state.final:
            self.ends[message.job].append(message)
        await delivery.ack()


async def worker_process(
    url: str,
    name: str,
    folder: Path,
    queue: str,
    foreign: bool,
    seconds: float,
    concurrency: int,
) -> WorkerProcess:
    """Start a worker."""
    words = (url, name, folder, queue, "foreign" if foreign else "ours", seconds, concurrency)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.worker",
        *map(str, words),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    return WorkerProcess(process)


async def journal_of(folder: Path, name: str) -> WorkJournal:
    """The journal of a worker that has ended."""
    return await WorkJournal.open(folder / f"work-{name}.sqlite")


if __name__ == "__main__":
    import bot.cli.slim  # noqa: F401
    from bot.cli.logs import LogFormat, LogLevel, set_up_logs

    set_up_logs(LogLevel.ERROR, LogFormat.LOGFMT)
    asyncio.run(main(sys.argv[1:]))
