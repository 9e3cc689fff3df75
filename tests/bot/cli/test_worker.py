"""`baton worker FILE`: checked, or run, where the packages of a bot are not installed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton.bus.connect import connect
from bot.cli import app
from tests.bot.cli.program import WITHOUT_EXTRA, ran, reads, started
from tests.support.wait import until

FILE = """\
[bus]
url = "{url}"

[worker]
environment = "prod"
name = "build-1"
state = "{folder}"

[queues]
first = "note"

[runner.note]
runner = "shell!touch made-%ID"
folder = "{folder}"
"""


def write(folder: Path, text: str = FILE, url: str = "memory://worker") -> Path:
    file = folder / "worker.toml"
    file.write_text(text.replace("{url}", url).replace("{folder}", str(folder)))
    return file


def test_check_says_that_a_file_will_do_and_starts_nothing(tmp_path: Path) -> None:
    file = write(tmp_path)
    result = CliRunner().invoke(app, ["worker", str(file), "--check"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{file} will do: worker build-1, 1 queues, 1 runners.\n"
    assert list(tmp_path.iterdir()) == [file]


def test_check_tells_all_errors_with_their_lines(tmp_path: Path) -> None:
    text = FILE.replace("state", "sate").replace('= "note"', '= "nope"')
    result = CliRunner().invoke(app, ["worker", str(write(tmp_path, text)), "--check"])
    assert result.exit_code == 1
    assert "line 7: [worker] sate: there is no such key (did you mean state?)" in result.stderr
    text = FILE.replace('= "note"', '= "nope"').replace("shell!touch made-%ID", "shell!a %NO")
    result = CliRunner().invoke(app, ["worker", str(write(tmp_path, text)), "--check"])
    assert result.exit_code == 1
    for error in (
        "line 10: [queues] first: there is no such runner as nope",
        "line 12: [runner.note]: no queue uses this runner",
        "line 13: [runner.note] runner: ",
        "%NO is none",
    ):
        assert error in result.stderr


async def test_a_callable_that_cannot_be_imported_is_told_by_a_check(tmp_path: Path) -> None:
    text = FILE.replace("shell!touch made-%ID", "python!no.such:thing")
    code, out, err = await ran(
        "worker", str(write(tmp_path, text)), "--check", before=WITHOUT_EXTRA
    )
    assert (code, out) == (1, "")
    assert "line 13: [runner.note] runner: " in err
    assert "No module named 'no'" in err


@pytest.mark.slow
async def test_a_worker_does_the_jobs_of_its_queues(amqp_url: str, tmp_path: Path) -> None:
    """Also those of a queue that its file names once it is running."""
    bot = await connect(amqp_url, owner=True)
    await bot.wait_up()
    file = write(tmp_path, url=amqp_url)
    process = await started("worker", str(file), before=WITHOUT_EXTRA)
    try:
        await reads(process, "worker started")
        code, out, err = await ran("push", "first", "m", "1", "u", "-c", str(file))
        assert (code, err) == (0, "")
        made = tmp_path / f"made-{out.split()[4].strip(',')}"
        await until(made.exists)
        write(tmp_path, FILE.replace("first =", 'second = "note"\nfirst ='), amqp_url)
        process.send_signal(signal.SIGHUP)
        await reads(process, "settings reloaded")
        code, out, err = await ran("push", "second", "m", "1", "u", "-c", str(file))
        assert (code, err) == (0, "")
        made = tmp_path / f"made-{out.split()[4].strip(',')}"
        await until(made.exists)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await bot.close()
