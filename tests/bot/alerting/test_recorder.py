"""Recordings: a file a day of what was seen, whatever becomes of the disk or of the bot."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerts import CheckIn
from alerts.replay import salvage_lines
from alerts.settings import RecordingTable
from baton.errors import UsageError
from bot.alerting.recorder import Recorder, append, find_recording, list_recordings
from bot.app.periodic import PeriodicTask, PeriodicTasks
from tests.support.periodic import unfailing
from tests.support.wait import until

AT = 1_800_000_000.0


def seen(number: int = 0) -> CheckIn:
    return CheckIn("backup", AT + number)


class Writer:
    """A recording under way, in a folder that may be missing, at a time that can be moved."""

    def __init__(self, folder: Path, keep: float = 86400.0) -> None:
        self.table: RecordingTable | None = RecordingTable(folder=folder, keep=keep)
        self.time = datetime.fromtimestamp(AT, UTC)
        self.recording = Recorder(lambda: self.table, lambda: self.time)
        self.tasks = PeriodicTasks(unfailing)

    async def __aenter__(self) -> Recorder:
        self.tasks.start()
        self.tasks.add(PeriodicTask("recording", self.recording.write, 0.01))
        return self.recording

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.stop()
        await self.recording.close()


def held(folder: Path) -> list[object]:
    found: list[object] = []
    for name in list_recordings(folder):
        found += salvage_lines((folder / name).read_text().splitlines())[0]
    return found


async def test_what_is_seen_is_in_the_file_soon_and_when_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "by it"
    async with Writer(folder) as writer:
        writer.add(seen(1))
        await until(lambda: held(folder) == [seen(1)])
        writer.add(seen(2))
    assert held(folder) == [seen(1), seen(2)]
    assert os.stat(folder / list_recordings(folder)[0]).st_mode & 0o007 == 0


async def test_nothing_is_written_unless_it_is_wanted(tmp_path: Path) -> None:
    """Without [recording] nothing is kept, and it may be switched on and off by a reload."""
    wanted = Writer(tmp_path)
    table, wanted.table = wanted.table, None
    async with wanted as writer:
        writer.add(seen(1))
        wanted.table = table
        writer.add(seen(2))
        await until(lambda: held(tmp_path) == [seen(2)])


async def test_a_file_a_day_and_old_ones_go(tmp_path: Path) -> None:
    """Only recordings go: what else is in the folder is none of ours."""
    others = ["notes.jsonl", "2020-01-01.txt", "20200101.jsonl"]
    for name in [*others, "2020-01-01.jsonl"]:
        (tmp_path / name).write_text("")
    made = Writer(tmp_path, keep=2 * 86400.0)
    async with made as writer:
        for day in range(4):
            made.time = datetime.fromtimestamp(AT, UTC) + timedelta(days=day)
            writer.add(seen(day))
            await until(lambda: seen(day) in held(tmp_path))  # noqa: B023
    assert list_recordings(tmp_path) == ["2027-01-16.jsonl", "2027-01-17.jsonl", "2027-01-18.jsonl"]
    assert all((tmp_path / name).exists() for name in others)


async def test_a_disk_that_will_not_is_said_once_and_is_not_in_the_way(tmp_path: Path) -> None:
    """While it cannot be written what is seen is lost, and counted; then it goes on."""
    folder = tmp_path / "folder"
    folder.write_text("a file, where the folder should be")
    with capture_logs() as logs:
        async with Writer(folder) as writer:
            for number in range(3):
                writer.add(seen(number))
                await until(lambda: not writer._waiting and writer._writing is None)
            folder.unlink()
            writer.add(seen(9))
            await until(lambda: folder.exists() and held(folder) == [seen(9)])
    said = [(one["event"], one.get("lost")) for one in logs]
    assert said == [
        ("alerts are not recorded", None),
        ("some observations were not recorded", 3),
    ]


def test_a_line_that_was_torn_spoils_no_other(tmp_path: Path) -> None:
    """kill -9 in the middle of a write: the next one begins a line of its own."""
    file = tmp_path / "2026-11-24.jsonl"
    append(file, [seen(1)])
    file.write_bytes(file.read_bytes() + b'{"kind":"check')
    append(file, [seen(2)])
    assert salvage_lines(file.read_text().splitlines()) == ([seen(1), seen(2)], 1)


def test_only_a_recording_can_be_named(tmp_path: Path) -> None:
    """The newest without a name; one that is not there, or not ours, is refused with what is."""
    with pytest.raises(UsageError, match="Nothing is recorded"):
        find_recording(tmp_path / "missing")
    for name in ("2026-11-23.jsonl", "2026-11-24.jsonl"):
        append(tmp_path / name, [seen()])
    (tmp_path / "secret").write_text("")
    assert find_recording(tmp_path).name == "2026-11-24.jsonl"
    assert find_recording(tmp_path, "2026-11-23").name == "2026-11-23.jsonl"
    assert find_recording(tmp_path, "2026-11-23.jsonl").name == "2026-11-23.jsonl"
    for name in ("secret", "../2026-11-23", "/etc/passwd", "2026-11-22", ".", "a/b"):
        with pytest.raises(UsageError, match="Recordings: 2026-11-23, 2026-11-24"):
            find_recording(tmp_path, name)
