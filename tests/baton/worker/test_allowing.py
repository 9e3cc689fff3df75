"""What a worker does by its own file, whoever asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baton.bus.channel import Envelope
from baton.bus.exchanges import INPUT, work_key
from baton.bus.messages import State
from baton.worker.allowing import WorkerAllowance, WorkerAllowTable
from baton.worker.incoming import read
from tests.baton.worker.world import Stage, build_request
from tests.support.wait import until


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    await made.listen()
    return made


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"commands": ["re*"], "queues": ["reports"], "requesters": ["U_ANN"]}, ""),
        ({"commands": ["print"]}, "the command “report” is not allowed on this worker"),
        ({"queues": ["other"]}, "the queue “reports” is not allowed on this worker"),
        ({"requesters": ["U_BOB"]}, "whoever asks, “U_ANN” is not allowed on this worker"),
        ({"requesters": []}, "which allows none (the settings: [allow] requesters)"),
    ],
)
async def test_what_is_not_allowed_is_refused_and_told(
    stage: Stage, table: dict[str, Any], reason: str
) -> None:
    """It never starts, and the thread names what does not allow it."""
    async with stage.working(allow=table) as life:
        asked = await stage.ask()
        await until(lambda: stage.end(asked))
        (end,) = stage.ends(asked)
        assert end.state is (State.REFUSED if reason else State.SUCCEEDED)
        assert reason in end.text
        assert len(life.runner.started) == (0 if reason else 1)


async def test_build_requests_are_of_pybit(stage: Stage) -> None:
    """Nobody of the chat asks for them: `requesters` names them, or they are refused."""
    body = Envelope(build_request("print"), content_type="application/json")
    async with stage.working("worker.a", allow={"requesters": ["U_ANN"]}) as life:
        await stage.channel.publish(INPUT, work_key("reports"), body)
        last = await stage.ask()
        await until(lambda: stage.end(last))
        assert len(life.runner.started) == 1
    other = Envelope(build_request("print"), id="2", content_type="application/json")
    async with stage.working("worker.b", allow={"requesters": ["U_ANN", "pybit"]}) as life:
        await stage.channel.publish(INPUT, work_key("reports"), other)
        await until(lambda: life.runner.ended)


def test_a_refusal_names_the_line_of_the_file(tmp_path: Path) -> None:
    """Whoever reads it at night knows where to look."""
    file = tmp_path / "worker.toml"
    file.write_text('[worker]\nenvironment = "prod"\n\n[allow]\nqueues = ["slow"]\n')
    job = read(
        Envelope(build_request("print"), content_type="application/json"),
        "reports",
        "report",
        "prod",
    )
    text = WorkerAllowance(WorkerAllowTable(queues=("slow",)), str(file)).forbidden(job, "report")
    assert text == (
        "the queue “reports” is not allowed on this worker, which allows slow"
        f" ({file}, line 5: [allow] queues)"
    )
