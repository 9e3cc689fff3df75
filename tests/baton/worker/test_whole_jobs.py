"""Jobs from the bus to a real runner and back: what a callable makes, says and starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton.bus.memory.channel import MemoryChannel
from baton.bus.messages import State
from baton.worker.journal import WorkJournal
from baton.worker.processors.registry import installed
from baton.worker.service import WorkerService
from tests.baton.worker.stage import MakeModule
from tests.baton.worker.world import Stage
from tests.support.background import alive, starts
from tests.support.wait import until

TEXT = """
    import subprocess, time
    import rbit

    def run(build_request, settings):
        what = build_request.arguments.do
        print("\\x1b[31mdoing\\x1b[0m", what)
        if what == "block":
            raise rbit.Blocked("m9003 is locked")
        if what == "raise":
            raise KeyError("month")
        if what == "wait":
            subprocess.call(["sh", "-c", settings["start"]])
            time.sleep(300)
        with open("report.pdf", "w") as report:
            report.write("made")
        return [settings["folder"] + "/report.pdf"]
"""


@pytest.fixture
async def stage(tmp_path: Path, module: MakeModule) -> AsyncIterator[Stage]:
    """A worker with the runner `report`, of a real callable in an interpreter of its own."""
    made = Stage(tmp_path)
    await made.listen()
    folder = tmp_path / "out"
    folder.mkdir()
    runner = {
        "runner": f"python!{module(TEXT)}:run",
        "folder": str(folder),
        "settings": {"folder": str(folder), "start": starts("session", tmp_path / "pid")},
    }
    settings = made.settings("worker.a", runner=runner)
    report = installed().make("report", settings.runner["report"])
    channel = MemoryChannel("memory://worker.a@work", on=made.bus)
    journal = await WorkJournal.open(tmp_path / "worker.a" / "work.sqlite")
    service = WorkerService(channel, settings, {"report": report}, journal)
    task = asyncio.create_task(service.run())
    await service.ready.wait()
    yield made
    service.stop()
    await task


async def test_what_it_makes_and_prints_is_in_its_updates(stage: Stage) -> None:
    """Artifacts as facts for programs and as a line for people; output with its colours."""
    asked = await stage.ask("print")
    await until(lambda: stage.end(asked))
    (end,) = stage.ends(asked)
    assert end.state is State.SUCCEEDED
    path = f"{stage.folder}/out/report.pdf"
    assert end.text == f"made {path} (4 B)"
    artifacts = end.facts["artifacts"]
    assert isinstance(artifacts, list)
    assert isinstance(artifacts[0], dict)
    assert (artifacts[0]["path"], artifacts[0]["size"]) == (path, 4)
    assert end.facts["worker"] == "worker.a"
    said = [each.text for each in stage.updates[asked.id] if each.level == "log"]
    assert "\x1b[0;31mdoing\x1b[0m print" in "\n".join(said)


async def test_what_it_raises_is_one_line_and_the_trace_is_output(stage: Stage) -> None:
    asked = await stage.ask("raise")
    await until(lambda: stage.end(asked))
    assert stage.end(asked) == (State.FAILED, "KeyError: 'month'")
    said = "\n".join(each.text for each in stage.updates[asked.id] if each.level == "log")
    assert "Traceback" in said


async def test_what_it_waits_for_is_said(stage: Stage) -> None:
    """It is looked at again, so it has not ended."""
    asked = await stage.ask("block")
    await until(lambda: any("m9003 is locked" in each.text for each in stage.updates[asked.id]))
    assert stage.end(asked) is None


async def test_cancel_from_the_bus_ends_all_that_it_started(stage: Stage) -> None:
    """Also what has left the session of its interpreter."""
    asked = await stage.ask("wait")
    await until((stage.folder / "pid").exists)
    await stage.cancel(asked)
    await until(lambda: stage.end(asked))
    (end,) = stage.ends(asked)
    assert end.state is State.CANCELLED
    assert not alive(stage.folder / "pid")
