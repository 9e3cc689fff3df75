"""A worker reads its settings file again while it runs; what will not do is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baton.bus.api import API
from baton.bus.exchanges import INPUT, work_key, work_queue
from baton.bus.messages import State
from baton.errors import SettingsError
from baton.worker.config.loading import load
from baton.worker.processors.protocol import Output, Processor
from baton.worker.processors.registry import Processors
from baton.worker.reloading import Reloader
from baton.worker.service import WorkerService
from baton.worker.settings import RunnerSettings
from baton.worker.work import Result, Work
from tests.baton.worker.world import Life, Stage, request
from tests.support.wait import until

FILE = """\
[bus]
url = "memory://work"
[worker]
environment = "prod"
name = "worker.a"
state = "{folder}"
drain = 0
[queues]
reports = "report"
theirs = { runner = "report", foreign = true }
[runner.report]
runner = "fake!old"
args.do = { type = "text", required = false }
[pybit]
cancels = "worker.a-cancels"
"""


class Fake:
    def __init__(self, text: str) -> None:
        self.text = text

    async def run(self, work: Work, output: Output) -> Result:
        return Result(text=f"{self.text} did it")


def fake(settings: RunnerSettings, arguments: str) -> Processor:
    return Fake(arguments)


PROCESSORS = Processors({"fake": fake})


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path)
    await made.listen()
    return made


def reloader(life: Life, folder: Path, text: str) -> Reloader:
    (folder / "worker.toml").write_text(text.replace("{folder}", str(folder / "worker.a")))
    return Reloader(folder / "worker.toml", {}, PROCESSORS, life.service)


async def ask(stage: Stage, queue: str, do: str = "print", **changes: Any) -> str:
    asked = request(do, host=work_key(queue), **changes)
    await API(stage.channel).publish(INPUT, work_key(queue), asked, mandatory=True)
    return asked.id


async def ended(stage: Stage, id: str) -> tuple[State, str]:
    await until(lambda: any(each.state.final for each in stage.updates[id]))
    (last,) = [each for each in stage.updates[id] if each.state.final]
    return last.state, last.text


async def test_new_jobs_go_by_the_new_file_and_what_runs_goes_on(
    stage: Stage, tmp_path: Path
) -> None:
    """Slots are counted over both: with one slot the next job waits for the one that runs."""
    async with stage.working() as life:
        running = await ask(stage, "reports", "wait")
        await until(lambda: life.runner.started)
        text = FILE.replace("fake!old", "fake!new").replace(
            "[runner.report]",
            'more = "extra"\n[runner.extra]\nrunner = "fake!extra"\n[runner.report]',
        )
        assert await reloader(life, tmp_path, text).reload() == ""
        more = await ask(stage, "more", command="extra", arguments={})
        assert await ended(stage, more) == (State.SUCCEEDED, "extra did it")
        waiting = await ask(stage, "reports")
        await ended(stage, await ask(stage, "more", command="extra", arguments={}))
        assert {each["name"] for each in facts_of(life.service)} == {"report", "extra"}
        assert not stage.updates[waiting]
        life.runner.release.set()
        assert await ended(stage, running) == (State.SUCCEEDED, "wait done")
        assert await ended(stage, waiting) == (State.SUCCEEDED, "new did it")


def facts_of(service: WorkerService) -> list[dict[str, object]]:
    return [each.model_dump() for each in service.facts().runners]


async def test_a_queue_that_is_gone_is_left_to_others(stage: Stage, tmp_path: Path) -> None:
    async with stage.working() as life:
        text = FILE.replace('reports = "report"\n', 'other = "report"\n')
        assert await reloader(life, tmp_path, text).reload() == ""
        await ask(stage, "reports")
        assert await ended(stage, await ask(stage, "other")) == (State.SUCCEEDED, "old did it")
        assert await stage.channel.depth(work_queue("reports")) == 1


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"fake!old"', '"fkae!old"', "line 12: [runner.report] runner: "),
        ('reports = "report"', 'reports = "nope"', "line 9: [queues] reports: there is no such"),
        ("prod", "test", "[worker]: it has changed since the worker started. It must be as it was"),
        ("memory://work", "memory://other", "[bus]: it has changed since the worker started"),
        ("[queues]", "[queues", "line 8: this line: it is not valid TOML"),
    ],
)
async def test_a_file_that_will_not_do_changes_nothing(
    old: str, new: str, problem: str, stage: Stage, tmp_path: Path
) -> None:
    async with stage.working() as life:
        assert problem in await reloader(life, tmp_path, FILE.replace(old, new)).reload()
        asked = await ask(stage, "reports")
        assert await ended(stage, asked) == (State.SUCCEEDED, "print done")
        assert len(life.runner.ended) == 1


async def test_more_slots_are_taken_at_once_and_fewer_once_they_are_free(
    stage: Stage, tmp_path: Path
) -> None:
    async with stage.working() as life:
        first = await ask(stage, "reports", "wait")
        await until(lambda: life.runner.started)
        wider = FILE.replace("[pybit]", "concurrency = 3\n[pybit]")
        assert await reloader(life, tmp_path, wider).reload() == ""
        for _ in range(3):
            assert (await ended(stage, await ask(stage, "reports")))[0] is State.SUCCEEDED
        assert await reloader(life, tmp_path, FILE).reload() == ""
        last = await ask(stage, "reports")
        life.runner.release.set()
        assert (await ended(stage, first))[0] is State.SUCCEEDED
        assert (await ended(stage, last))[0] is State.SUCCEEDED


def test_what_does_not_fit_into_a_heartbeat_is_refused_before_it_starts(tmp_path: Path) -> None:
    """Else the bot would not hear of the worker, or of its runners."""
    choice = str([f"{at} {'x' * 70}" for at in range(100)]).replace("'", '"')
    args = "".join(f'args.a{at} = {{ type = "choice", of = {choice} }}\n' for at in range(10))
    (tmp_path / "worker.toml").write_text(FILE.replace("[pybit]", f"{args}[pybit]"))
    with pytest.raises(SettingsError) as error:
        load(tmp_path / "worker.toml", {}, PROCESSORS)
    assert "[runner.report] args: the heartbeats of the worker could not say it" in str(error.value)
    assert "It must be at most 16384 bytes of JSON" in str(error.value)
