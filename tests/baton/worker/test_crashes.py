"""Workers that are killed again and again, on a real RabbitMQ: nothing is lost, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

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
