"""A worker in this process over a bus in memory, and a bot that sends it jobs and hears of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from baton.agent.trust.trust import Trust
from baton.bus.api import API
from baton.bus.channel import Channel, Delivery, Envelope
from baton.bus.exchanges import BOT_QUEUE, INPUT, OUTPUT, cancel_work_key, work_key
from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton.bus.messages import Cancel, Person, Request, State, Update, decode, new_id, now
from baton.errors import Blocked, Failed
from baton.worker.journal import WorkJournal
from baton.worker.processors.protocol import Output
from baton.worker.service import WorkerService
from baton.worker.settings import RunnerSettings, WorkerSettings
from baton.worker.work import Outcome, Work
from tests.support.buses import SimulatedTime

ANN = Person(id="U_ANN", name="ann")


class FakeRunner:
    """Does what the argument `do` says, and keeps what it was given."""

    def __init__(self, name: str, settings: RunnerSettings) -> None:
        self.name = name
        self.settings = settings
        self.started: list[Work] = []
        self.ended: list[str] = []
        self.release = asyncio.Event()
        self.blocked: Mapping[str, int] = {}
        """How many looks find each job blocked."""

    async def run(self, work: Work, output: Output) -> Outcome:
        self.started.append(work)
        do = work.arguments.get("do") or (work.build.get_package() if work.build else "")
        looks = sum(each.id == work.id for each in self.started)
        try:
            if do == "wait":
                await self.release.wait()
            elif do == "fail":
                raise Failed("no paper")
            elif do == "block" and looks <= self.blocked.get("block", 10**6):
                raise Blocked("waits for the printer")
            output.log(f"did {do}")
            return Outcome(f"{do} done")
        finally:
            self.ended.append(work.id)


class Stage:
    """The bus, whoever sends jobs, and the workers that were started."""

    def __init__(self, folder: Path) -> None:
        self.time = SimulatedTime()
        self.bus = MemoryBus("work", later=self.time.later)
        self.channel: Channel = MemoryChannel("memory://bot@work", on=self.bus)
        self.folder = folder
        self.updates: dict[str, list[Update]] = defaultdict(list)

    async def listen(self) -> None:
        """Hear what workers report."""

        async def heard(delivery: Delivery) -> None:
            message = decode(delivery.envelope.body)
            if isinstance(message, Update):
                self.updates[message.request].append(message)
            await delivery.ack()

        await self.channel.declare(BOT_QUEUE, [(OUTPUT, "update.#")])
        await self.channel.consume(BOT_QUEUE, heard)

    def settings(self, name: str, **options: Any) -> WorkerSettings:
        """A worker with one queue, `reports`, and its runner `report`; `theirs` is foreign."""
        runner = {
            "runner": "fake!",
            "args": {"do": {"type": "text", "required": False}},
            **options.pop("runner", {}),
        }
        return WorkerSettings.model_validate(
            {
                "bus": {"url": "memory://work"},
                "worker": {
                    "environment": "prod",
                    "name": name,
                    "state": str(self.folder / name),
                    "drain": options.pop("drain", 0),
                },
                "queues": {
                    "reports": "report",
                    "theirs": {"runner": "report", "foreign": True},
                },
                "runner": {"report": runner},
                "pybit": {"cancels": f"{name}-cancels"},
                **options,
            }
        )

    async def worker(self, name: str = "worker.a", **options: Any) -> Life:
        """A worker that has started."""
        settings = self.settings(name, **options)
        runner = FakeRunner("report", settings.runner["report"])
        channel = MemoryChannel(f"memory://{name}@work", on=self.bus)
        journal = await WorkJournal.open(self.folder / name / "work.sqlite")
        trust = Trust(settings.signing, push=settings.signing.push)
        service = WorkerService(channel, settings, {"report": runner}, journal, trust)
        life = Life(service, runner, channel, journal)
        await life.ready()
        return life

    @contextlib.asynccontextmanager
    async def working(self, name: str = "worker.a", **options: Any) -> AsyncIterator[Life]:
        """A worker, stopped afterwards."""
        life = await self.worker(name, **options)
        try:
            yield life
        finally:
            life.runner.release.set()
            await life.stop()

    async def ask(self, do: str = "print", **changes: Any) -> Request:
        """Send a request to the queue `reports`."""
        asked = request(do, **changes)
        await API(self.channel).publish(INPUT, work_key("reports"), asked, mandatory=True)
        return asked

    async def cancel(self, asked: Request) -> None:
        """Cancel it, as the bot does."""
        order = Cancel(
            job=asked.job,
            request=asked.id,
            attempt=asked.attempt,
            host=work_key("reports"),
            requester=ANN,
        )
        await API(self.channel).publish(INPUT, cancel_work_key("reports"), order, mandatory=True)

    async def push(self, queue: str, body: bytes) -> None:
        """Put a message of somebody else's into the queue `queue`, which has that key too."""
        await self.channel.publish(
            INPUT, f"to.{queue}", Envelope(body, content_type="application/json")
        )

    def ends(self, asked: Request) -> list[Update]:
        """The final updates of a request."""
        return [each for each in self.updates[asked.id] if each.state.final]

    def end(self, asked: Request) -> tuple[State, str] | None:
        """How it ended, once it has."""
        found = self.ends(asked)
        return (found[0].state, found[0].text) if found else None


class Life:
    """One life of a worker."""

    def __init__(
        self,
        service: WorkerService,
        runner: FakeRunner,
        channel: MemoryChannel,
        journal: WorkJournal,
    ) -> None:
        self.service = service
        self.runner = runner
        self.channel = channel
        self.journal = journal
        self.task = asyncio.create_task(service.run())

    async def ready(self) -> None:
        waiting = asyncio.create_task(self.service.ready.wait())
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()

    async def stop(self) -> None:
        self.service.stop()
        await self.task

    async def kill(self) -> None:
        """End it as kill -9 would: what it was doing stops, and nothing more is written or sent."""
        self.channel.cut()
        for active in list(self.service.taking.active.values()):
            active.task.cancel()
        self.journal._closed = True
        self.task.cancel()
        await asyncio.wait([self.task])
        if self.journal._connection is not None:
            await asyncio.to_thread(self.journal._disconnect)


def request(do: str = "print", **changes: Any) -> Request:
    """A request of the bot's to the queue `reports`."""
    values: dict[str, Any] = {
        "job": new_id(),
        "command": "report",
        "arguments": {"do": do},
        "environment": "prod",
        "host": work_key("reports"),
        "deadline": now() + timedelta(minutes=5),
        "timeout": 3600.0,
        "requester": ANN,
        **changes,
    }
    return Request(**values)


def build_request(package: str, job: int = 42) -> bytes:
    """A build request as PyBit writes it."""
    kind = "pybit.models."
    instance = {
        "py/object": f"{kind}PackageInstance",
        "package": {"py/object": f"{kind}Package", "name": package, "version": "1.0"},
        "arch": {"py/object": f"{kind}Arch", "name": "any"},
        "suite": {"py/object": f"{kind}Suite", "name": "latex"},
        "distribution": {"py/object": f"{kind}Dist", "name": "cnx"},
        "format": {"py/object": f"{kind}Format", "name": "pdf"},
    }
    made = {"py/object": f"{kind}Job", "id": job, "packageinstance": instance}
    transport = {"py/object": f"{kind}Transport", "uri": "http://x", "method": "git"}
    return json.dumps(
        {"py/object": f"{kind}BuildRequest", "job": made, "transport": transport}
    ).encode()


def cancel_request(job: int = 42) -> bytes:
    """PyBit's order to cancel."""
    kind = "pybit.models."
    made = {"py/object": f"{kind}Job", "id": job}
    return json.dumps({"py/object": f"{kind}CancelRequest", "job": made}).encode()
