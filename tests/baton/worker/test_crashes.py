"""Workers that are killed again and again, on a real RabbitMQ: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.wait import until
from tests.support.worker import Killing


@pytest.mark.parametrize("foreign", [False, True], ids=["quorum", "classic"])
async def test_each_job_ends_once_whoever_is_killed(
    amqp_url: str, tmp_path: Path, foreign: bool
) -> None:
    """Two workers share a queue, and one of them is killed with -9 again and again: each job is
    started at most once, and ends once, also those that were running.

    `python -m bench worker` does it with 10,000.
    """
    killing = Killing(amqp_url, tmp_path, "notes", foreign, seconds=0.2, concurrency=20)
    asked = await killing.run(200, every=0.3, most=4)
    assert set(killing.ends) == asked
    assert killing.different_ends() == []
    assert set(killing.starts) <= asked
    assert killing.starts.most_common(1)[0][1] == 1
    assert killing.kills >= 2


async def test_each_job_ends_once_though_rabbitmq_is_killed(
    broker: Broker, amqp_url: str, tmp_path: Path
) -> None:
    """It is killed with -9 while jobs run, are taken and wait, and comes back: what ran ended
    meanwhile, and is told; what comes again is not started again.

    The queue is one of ours, a quorum queue: what a classic one had been told may be lost with the
    broker (docs/worker.md).
    """
    killing = Killing(amqp_url, tmp_path, "notes", foreign=False, seconds=1.0, concurrency=10)
    doing = asyncio.create_task(killing.run(60, every=60.0, most=0))
    await until(lambda: (tmp_path / "starts").exists() and len(killing.starts) > 25)
    assert len(killing.ends) < 60
    # RabbitMQ 3.10 needs half a second until it has noted on disk that a queue exists
    await asyncio.to_thread(broker.eval, "[dets:sync(Table) || Table <- dets:all()].")
    await broker.kill()
    await broker.start()
    asked = await doing
    assert set(killing.ends) == asked
    assert killing.different_ends() == []
    assert killing.starts.most_common(1)[0][1] == 1
    assert set(killing.starts) == asked
