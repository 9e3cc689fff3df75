"""A worker as a process of its own, over RabbitMQ, and the bot that people ask: from a word in chat
to the file that came of it."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton.bus.connect import connect
from baton.bus.messages import State
from bot.app.bot import Bot
from bot.content import JobContent
from bot.jobs import RunRecord
from bot.store import Store
from tests.bot.cli.program import started
from tests.bot.world import Stage
from tests.support.wait import until

pytestmark = pytest.mark.slow

REPORTS = """
import os, pathlib, time
import baton

HERE = pathlib.Path(os.environ["REPORTS"])

def make(build_request, settings):
    month = build_request.arguments.month
    with (HERE / "starts").open("a") as file:
        file.write(month + "\\n")
    print("making", month)
    if month == "june" and not (HERE / "books").exists():
        raise baton.Blocked("waits for the books of june")
    if month == "april" and (HERE / "starts").read_text().count("april") == 1:
        time.sleep(600)
    if month == "march":
        time.sleep(600)
    path = HERE / (month + ".pdf")
    path.write_text("report of " + month)
    return [str(path)]
"""
SETTINGS = """
[bus]
url = "{url}"

[worker]
environment = "prod"
name = "worker-1"
state = "{folder}/state"
heartbeat = 0.5
drain = 0

[queues]
reports = "report"

[runner.report]
runner = "python!reports:make"
summary = "{summary}"
retry = 1
pass_env = ["REPORTS"]
args.month = {{ type = "choice", of = ["march", "april", "may", "june"] }}
"""


class Press:
    """A worker that makes reports, in a process that can be killed."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.file = folder / "worker.toml"
        self.process: Process | None = None
        (folder / "reports.py").write_text(REPORTS)

    def describe(self, summary: str) -> None:
        text = SETTINGS.format(url=self.url, folder=self.folder, summary=summary)
        self.file.write_text(text)

    async def start(self) -> None:
        env = {"PYTHONPATH": str(self.folder), "REPORTS": str(self.folder)}
        self.process = await started("worker", str(self.file), **env)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.returncode is None:
            os.kill(self.process.pid, number)
            await self.process.communicate()

    def starts(self) -> list[str]:
        path = self.folder / "starts"
        return path.read_text().split() if path.exists() else []


@pytest.fixture
async def stage(postgres_url: str) -> AsyncIterator[Stage]:
    store = await Store.open(postgres_url)
    made = Stage(store)
    yield made
    await made.close()
    await store.close()


@pytest.fixture
async def press(amqp_url: str, tmp_path: Path) -> AsyncIterator[Press]:
    made = Press(amqp_url, tmp_path)
    made.describe("Make the report of a month")
    yield made
    await made.end(signal.SIGKILL)


async def in_states(stage: Stage, job: str, *states: State) -> list[RunRecord]:
    async def runs() -> list[RunRecord]:
        found = await stage.store.ledger.job(job)
        assert found is not None
        return list(found[1]) if [run.state for run in found[1]] == list(states) else []

    return await until(runs)


def shown(stage: Stage, job: str) -> JobContent:
    content = stage.front.one(job).content
    assert isinstance(content, JobContent)
    return content


async def test_a_report_from_a_word_in_chat_to_its_file(
    stage: Stage, press: Press, amqp_url: str
) -> None:
    """The bot runs first and is never started again. A job is made, one waits aloud and goes on,
    one is cancelled, and one whose worker is killed is started again once by the next."""
    channel = await connect(amqp_url, owner=True)
    bot = await stage.bot(channel=channel)
    await until(bot.hears_servers)
    await press.start()
    await until(lambda: "report" in bot.dispatching.commands)
    may = await stage.job(bot, "/run report may")
    waits = await stage.job(bot, "report june")
    await stage.told(may)
    assert shown(stage, may).state is State.SUCCEEDED
    (file,) = shown(stage, may).lines
    assert "may.pdf (13 B, sha256 " in file
    text = "blocked: waits for the books of june; next look in 5 s"
    await until(lambda: shown(stage, waits).rows[0].text == text)
    (press.folder / "books").touch()
    await cancelled(stage, bot)
    await stage.told(waits)
    assert shown(stage, waits).state is State.SUCCEEDED
    killed = await stage.job(bot, "report april")
    await until(lambda: "april" in press.starts())
    await press.end(signal.SIGKILL)
    await press.start()
    first, second = await in_states(stage, killed, State.INTERRUPTED, State.SUCCEEDED)
    assert (first.worker, second.worker, second.attempt) == ("worker-1", "worker-1", 2)
    assert press.starts().count("april") == 2
    await described_anew(stage, bot, press)
    await bot.stop()
    await channel.close()


async def cancelled(stage: Stage, bot: Bot) -> None:
    job = await stage.job(bot, "report march")
    await in_states(stage, job, State.RUNNING)
    assert (await stage.ask(bot, f"cancel {job}")).ok
    await in_states(stage, job, State.CANCELLED)


async def described_anew(stage: Stage, bot: Bot, press: Press) -> None:
    """A worker that is started with other settings changes what people read; the bot is not."""
    press.describe("Make a report, with pictures")
    await press.end()
    await press.start()

    async def is_new() -> bool:
        return "with pictures" in (await stage.ask(bot, "help report")).text

    await until(is_new, every=0.2)
