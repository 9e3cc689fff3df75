"""The account of a worker, made as docs/worker.md says on a real RabbitMQ."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from baton.bus.api import API
from baton.bus.channel import Delivery
from baton.bus.connect import connect
from baton.bus.exchanges import BOT_QUEUES, INPUT, Queue, bot_bindings, cancel_work_key, work_key
from baton.bus.messages import Cancel, State, Update, decode
from baton.errors import BusRefused
from baton.worker.journal import WorkJournal
from baton.worker.service import WorkerService
from baton.worker.settings import WorkerSettings
from tests.baton.worker.world import ANN, FakeRunner, request
from tests.support.accounts import WORKER, Accounts
from tests.support.broker import Broker
from tests.support.wait import until


async def test_the_account_of_a_worker_is_enough_and_not_more(
    broker: Broker, amqp_url: str, tmp_path: Path
) -> None:
    """It takes jobs, parks what is blocked, and hears cancels; it reaches no server and no other
    queue."""
    accounts = Accounts(broker, amqp_url)
    updates: list[Update] = []

    async def heard(delivery: Delivery) -> None:
        message = decode(delivery.envelope.body)
        if isinstance(message, Update):
            updates.append(message)
        await delivery.ack()

    bot = await connect(accounts.bot, owner=True)
    for queue in BOT_QUEUES:
        await bot.declare(queue, bot_bindings(queue))
        await bot.consume(queue, heard)
    settings = WorkerSettings.model_validate(
        {
            "bus": {"url": accounts.worker},
            "worker": {"environment": "prod", "name": WORKER, "state": str(tmp_path), "drain": 0},
            "queues": {"reports": "report"},
            "runner": {"report": {"runner": "fake!", "args": {"do": {"type": "text"}}}},
        }
    )
    runner = FakeRunner("report", settings.runner["report"])
    channel = await connect(accounts.worker, name="worker", worker=True)
    journal = await WorkJournal.open(tmp_path / "work.sqlite")
    service = WorkerService(channel, settings, {"report": runner}, journal)
    running = asyncio.create_task(service.run())
    await asyncio.wait_for(service.ready.wait(), 60)

    async def asked(do: str) -> str:
        message = request(do)
        await API(bot).publish(INPUT, work_key("reports"), message, mandatory=True)
        return message.id

    def said(job: str) -> list[tuple[State, str]]:
        return [(one.state, one.text) for one in updates if one.request == job]

    done, waits = await asked("print"), await asked("block")
    await until(lambda: (State.SUCCEEDED, "print done") in said(done))
    await until(lambda: any("next look in 5 s" in text for _, text in said(waits)))
    (parked,) = {one.job for one in updates if one.request == waits}
    order = Cancel(job=parked, request=waits, host=work_key("reports"), requester=ANN)
    await API(bot).publish(INPUT, cancel_work_key("reports"), order, mandatory=True)
    await until(lambda: (State.CANCELLED, "cancelled by ann") in said(waits))

    assert await channel.claim("job.1", "us")
    assert await channel.is_claimed("job.1")
    assert not await channel.is_claimed("job.2")
    assert not channel.lacking
    assert await channel.may_not_publish(INPUT, "host.web-1.example.com") is not None
    with pytest.raises(BusRefused):
        await channel.declare(Queue("work.others"), [(INPUT, work_key("others"))])
    service.stop()
    await running
    await bot.close()
