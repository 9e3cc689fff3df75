"""Freezes as they stand in baton.toml, and in the calendars that it names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton.errors import SettingsError
from bot.dispatch.gates.freezing.freeze_file import read_freezes
from bot.dispatch.gates.freezing.windows import Freeze, frozen_until
from bot.settings import load_bot

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
HOLIDAYS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
SUMMARY:Christmas
DTSTART;VALUE=DATE:20201225
DTEND;VALUE=DATE:20201227
RRULE:FREQ=YEARLY
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Sale
DTSTART:20261127T120000Z
DTEND:20261127T180000Z
END:VEVENT
END:VCALENDAR
"""


def freezes(folder: Path, text: str) -> tuple[Freeze, ...]:
    file = folder / "baton.toml"
    file.write_text(text)
    return read_freezes(load_bot(file, {}).freeze, NOW)


def test_each_kind_of_window(tmp_path: Path) -> None:
    """Weekly, from one date to another, and the events of a calendar."""
    calendar = tmp_path / "holidays.ics"
    calendar.write_text(HOLIDAYS)
    found = freezes(
        tmp_path,
        f"""
        [[freeze]]
        name = "no Friday afternoons"
        zone = "Europe/London"
        days = ["fri"]
        from = "13:00"
        to = "24:00"
        may_break = ["@leads"]

        [[freeze]]
        name = "the year's end"
        zone = "Europe/Kyiv"
        from = 2026-12-20T00:00:00
        to = 2027-01-03T00:00:00

        [[freeze]]
        name = "holidays"
        zone = "America/New_York"
        calendar = "{calendar}"
        """,
    )
    friday, end, holidays = found
    assert friday.may_break == ("leads",)
    assert frozen_until([friday], "prod", "shop", NOW) is None
    assert frozen_until([end], "prod", "shop", datetime(2026, 12, 19, 22, tzinfo=UTC)) == datetime(
        2027, 1, 2, 22, tzinfo=UTC
    )
    # whole days are those of the zone, in each year
    christmas = datetime(2028, 12, 25, 5, tzinfo=UTC)
    assert frozen_until([holidays], "prod", "shop", christmas) == christmas + timedelta(days=2)
    assert frozen_until([holidays], "prod", "shop", christmas - timedelta(seconds=1)) is None
    assert frozen_until([holidays], "prod", "shop", datetime(2026, 11, 27, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('days = ["fri"]\nfrom = "25:00"', "at most 24:00"),
        ('days = ["friday"]', "rule 1: days"),
        ("from = 2026-12-20T00:00:00\nto = 2026-12-19T00:00:00", "to later than from"),
        ('from = 2026-12-20T00:00:00\nto = "13:00"', "of one kind"),
        ("from = 2026-12-20T00:00:00Z\nto = 2026-12-21T00:00:00Z", "without an offset"),
        ('zone = "London"\ndays = ["fri"]', "Europe/London"),
        ('calendar = "x.ics"\ndays = ["fri"]', "calendar alone"),
        ('days = ["fri"]\nmay_break = ["*"]', "everybody may break"),
        ("", "days, or from and to"),
        ('from = "13:00"\nto = "13:00"', "another time"),
        ("from = 13", "a time such as"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, lines: str, said: str) -> None:
    """The error names the rule and what it must be."""
    with pytest.raises(SettingsError) as caught:
        freezes(tmp_path, f'[[freeze]]\nname = "x"\n{lines}\n')
    assert said in str(caught.value)
    assert "[[freeze]] rule 1" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("DTSTART:20261127T120000Z", "DTSTART:20261327T120000Z", 14),
        ("SUMMARY:Sale", "SUMMARY Sale", 13),
        ("END:VEVENT\nEND:VCALENDAR", "END:VCALENDAR", 16),
        ("FREQ=YEARLY", "FREQ=OFTEN", 9),
    ],
)
def test_a_broken_calendar_names_its_line(tmp_path: Path, old: str, new: str, line: int) -> None:
    """A freeze that cannot be read must not be one that does not freeze."""
    calendar = tmp_path / "holidays.ics"
    calendar.write_text(HOLIDAYS.replace(old, new))
    with pytest.raises(SettingsError) as caught:
        freezes(tmp_path, f'[[freeze]]\nname = "x"\ncalendar = "{calendar}"\n')
    assert f"{calendar}: line {line}" in str(caught.value).replace(", ", ": ")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\nEND:VCALENDAR"])
def test_a_calendar_that_is_none_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, of another kind, without events."""
    calendar = tmp_path / "holidays.ics"
    if content is not None:
        calendar.write_bytes(content)
    with pytest.raises(SettingsError, match=r"holidays\.ics"):
        freezes(tmp_path, f'[[freeze]]\nname = "x"\ncalendar = "{calendar}"\n')
