"""The rights that docs/worker.md gives a worker are enough for all that it does."""

from __future__ import annotations

import asyncio
import shlex
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from baton.bus.api import API
from baton.bus.channel import Delivery
from baton.bus.connect import connect
from baton.bus.exchanges import BOT_QUEUE, INPUT, OUTPUT, work_key
from baton.bus.messages import Person, Request, State, Update, decode, new_id, now
from baton.worker.journal import WorkJournal
from baton.worker.service import WorkerService
from baton.worker.settings import WorkerSettings
from tests.baton.worker.world import FakeRunner
from tests.support.broker import Broker
from tests.support.wait import until

PAGE = (Path(__file__).parents[3] / "docs" / "worker.md").read_text()
NAME = "worker.a.example.com"


def granted() -> list[str]:
    """The patterns of the page: configure, write, read."""
    (line,) = (line for line in PAGE.splitlines() if line.startswith("rabbitmqctl set_perm"))
    words = shlex.split(line)
    assert words[4] == f"agent.{NAME}"
    return words[5:]


async def test_a_worker_needs_nothing_more(broker: Broker, amqp_url: str, tmp_path: Path) -> None:
    """It serves its queue beside a bot, parks what is blocked, and makes claims."""
    url = broker.user(amqp_url, f"agent.{NAME}")
    broker.grant(url, *granted())
    said: dict[str, list[Update]] = defaultdict(list)

    async def heard(delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        if isinstance(message, Update):
            said[message.request].append(message)
        await delivery.ack()

    bot = await connect(amqp_url, owner=True)
    await bot.declare(BOT_QUEUE, [(OUTPUT, "update.#")])
    await bot.consume(BOT_QUEUE, heard)
    await asyncio.wait_for(bot.wait_up(), 60)
    settings = WorkerSettings.model_validate(
        {
            "bus": {"url": url},
            "worker": {"environment": "prod", "name": NAME, "state": str(tmp_path), "drain": 0},
            "queues": {"reports": "report"},
            "runner": {"report": {"runner": "fake!", "args": {"do": {"type": "text"}}}},
        }
    )
    runner = FakeRunner("report", settings.runner["report"])
    channel = await connect(url, name="worker", worker=True)
    journal = await WorkJournal.open(tmp_path / "work.sqlite")
    service = WorkerService(channel, settings, {"report": runner}, journal)
    running = asyncio.create_task(service.run())

    async def ask(do: str) -> Request:
        request = Request(
            job=new_id(),
            command="report",
            arguments={"do": do},
            environment="prod",
            host=work_key("reports"),
            deadline=now() + timedelta(minutes=5),
            timeout=3600.0,
            requester=Person(id="U_ANN"),
        )
        await API(bot).publish(INPUT, work_key("reports"), request, mandatory=True)
        return request

    try:
        await asyncio.wait_for(service.ready.wait(), 60)
        runner.blocked = {"block": 1}
        blocked = await ask("block")
        done = await ask("print")
        await until(lambda: any(each.state is State.SUCCEEDED for each in said[done.id]))
        assert await channel.claim("job.1", "us")
        assert await channel.is_claimed("job.1")
        assert not await channel.is_claimed("job.2")
        # it comes back from the bus, after 5 s
        await until(lambda: any(each.state is State.SUCCEEDED for each in said[blocked.id]))
        assert not channel.lacking
    finally:
        service.stop()
        await running
        await bot.close()
