"""What a worker does whose runner is `newcommand!/srv`."""

import shutil

import pytest
from baton import Failed
from baton.errors import SettingsError
from baton.worker.processors.protocol import RunnerSettings, Work

from newpackage.processor import NewCommandProcessor, factory


@pytest.fixture(autouse=True)
def disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """/srv is nearly full."""
    usage = type("Usage", (), {"total": 200, "used": 190})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)


class Said:
    """What a job says while it runs."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, text: str, step: str = "") -> None:
        self.lines.append(text)

    def info(self, text: str, *, step: str = "", percent: int | None = None) -> None:
        self.lines.append(text)


def made(**settings: int) -> NewCommandProcessor:
    """The processor of a runner with these settings."""
    runner = RunnerSettings(runner="newcommand!/srv", settings={**settings})
    return factory(runner, runner.target)


JOB = Work(id="j1", attempt=1, queue="disks", runner="disks")


async def test_a_job() -> None:
    said = Said()
    result = await made(most=96).run(JOB, said)
    assert result.text == "/srv is 95% full"
    assert said.lines == ["190 of 200 bytes are used"]


async def test_a_job_that_fails() -> None:
    with pytest.raises(Failed, match="more than 90%"):
        await made().run(JOB, Said())


def test_settings_that_cannot_be_right() -> None:
    with pytest.raises(SettingsError, match=r"settings\.most"):
        made(most=0)
