"""Which freezes count while the bot runs: calendars are followed, and what is broken changes
nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from baton.errors import SettingsError
from bot.dispatch.gates.freezing.freeze_table import FreezeTable
from bot.dispatch.gates.freezing.in_force import FreezesInForce
from bot.findings import FindingReports, LoggedFindings, RecentFindings
from bot.settings import load_bot
from bot.store import Store
from tests.bot.build import ANN, OPS
from tests.bot.counter import table
from tests.bot.dispatch.gates.freezing.test_freeze_file import HOLIDAYS, NOW
from tests.bot.scheduler.office import Office
from tests.bot.world import no_groups

WEEKLY = '[[freeze]]\nname = "x"\ndays = ["fri"]\n'
OFF = HOLIDAYS.replace("20261127T", "20261128T")
"""The sale is a day later: it is not on now."""


class Folder:
    """A baton.toml with a calendar each, and what counts by them."""

    def __init__(self, folder: Path, *calendars: str) -> None:
        self.file = folder / "baton.toml"
        self.calendars = [folder / f"{name}.ics" for name in calendars]
        for calendar in self.calendars:
            calendar.write_text(HOLIDAYS)
        self.text = "".join(
            f'[[freeze]]\nname = "{one.stem}"\ncalendar = "{one}"\n' for one in self.calendars
        )
        self.recent = RecentFindings()
        self._findings = FindingReports(self.recent, LoggedFindings())

    def tables(self) -> Sequence[FreezeTable]:
        self.file.write_text(self.text)
        return load_bot(self.file, {}).freeze

    def in_force(self) -> FreezesInForce:
        return FreezesInForce(self.tables(), self.tables, lambda: NOW)

    async def follow(self, kept: FreezesInForce) -> None:
        await kept.follow(self._findings)

    @property
    def found(self) -> list[str]:
        return [one.text for one in self.recent.all()]


def _on(kept: FreezesInForce) -> list[str]:
    sale = NOW.replace(hour=12)
    return [one.name for one in kept.freezes if one.windows.end_at(sale) is not None]


async def test_a_calendar_that_changes_comes_in_by_itself(tmp_path: Path) -> None:
    """Also one that is written anew under its name; baton.toml waits for SIGHUP."""
    folder = Folder(tmp_path, "holidays")
    kept = folder.in_force()
    before = kept.freezes
    await folder.follow(kept)
    assert kept.freezes is before  # nothing changed: nothing was read
    folder.calendars[0].write_text(OFF)
    folder.text += WEEKLY
    await folder.follow(kept)
    assert _on(kept) == []
    other = tmp_path / "new"
    other.write_text(HOLIDAYS)
    other.replace(folder.calendars[0])
    await folder.follow(kept)
    assert _on(kept) == ["holidays"]
    assert len(kept.freezes) == 1
    kept.reload_or_log()
    assert len(kept.freezes) == 2


@pytest.mark.parametrize("content", [None, "", HOLIDAYS.replace("SUMMARY:Sale", "SUMMARY Sale")])
async def test_a_calendar_that_breaks_stays_as_it_was_and_hurts_no_other(
    tmp_path: Path, content: str | None
) -> None:
    """It is an alert until it can be read, and what changes beside it comes in."""
    folder = Folder(tmp_path, "broken", "other")
    kept = folder.in_force()
    broken, other = folder.calendars
    if content is None:
        broken.unlink()
    else:
        broken.write_text(content)
    other.write_text(OFF)
    await folder.follow(kept)
    assert _on(kept) == ["broken"]
    (problem,) = kept.problems
    assert str(broken) in problem
    assert folder.found == [f"Freezes stay as they were: {problem}"]
    broken.write_text(OFF)
    await folder.follow(kept)
    assert (kept.problems, _on(kept)) == ((), [])


async def test_what_is_new_and_cannot_be_read_leaves_all_as_it_was(tmp_path: Path) -> None:
    """A freeze that was never read must not be one that does not freeze. It counts as soon as its
    file can be read, without another SIGHUP."""
    folder = Folder(tmp_path)
    folder.text = WEEKLY
    kept = folder.in_force()
    before = kept.freezes
    late = tmp_path / "late.ics"
    folder.text = f'[[freeze]]\nname = "late"\ncalendar = "{late}"\n'
    kept.reload_or_log()
    assert kept.freezes is before
    assert str(late) in kept.problems[0]
    late.write_text(HOLIDAYS)
    await folder.follow(kept)
    assert (kept.problems, _on(kept)) == ((), ["late"])


async def test_settings_that_are_wrong_at_a_reload_change_nothing(tmp_path: Path) -> None:
    """It is an alert until the next SIGHUP reads better ones."""
    folder = Folder(tmp_path)
    folder.text = WEEKLY
    kept = folder.in_force()
    before = kept.freezes
    folder.text += "nonsense"
    kept.reload_or_log()
    await folder.follow(kept)
    assert kept.freezes is before
    assert "baton.toml" in folder.found[0]
    folder.text = WEEKLY.replace("fri", "sat")
    kept.reload_or_log()
    assert kept.freezes != before
    assert kept.problems == ()


def test_a_calendar_that_is_broken_at_the_start_keeps_the_bot_from_starting(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path, "holidays")
    folder.calendars[0].write_text("nonsense")
    with pytest.raises(SettingsError, match=r"holidays\.ics"):
        folder.in_force()


async def test_freezes_says_that_a_file_is_broken(store: Store, tmp_path: Path) -> None:
    folder = Folder(tmp_path, "holidays")
    office = Office(store)
    office.freezes = folder.in_force()
    office.restarts()
    folder.calendars[0].unlink()
    await folder.follow(office.freezes)
    reply = await office.dispatcher.ask("freezes", asker=ANN, groups=no_groups, place=OPS, key="1")
    summary, rows = table(reply)
    assert summary == f"Freezes: 1. They stay as they were: {office.freezes.problems[0]}"
    assert len(rows) == 1
