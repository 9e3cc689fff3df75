"""Cron, wall clocks and zones: read once, for schedules and for alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.timing.calendar import UnknownZone, canonical, cron_error, last_cron, next_cron, zone

BERLIN = zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Europe/Kiev", "Europe/Kyiv"),
        ("US/Pacific", "America/Los_Angeles"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("europe/kyiv", "Europe/Kyiv"),
        ("Europe/Stockholm", "Europe/Stockholm"),  # a place of its own, with the clocks of Berlin
        ("UTC", "UTC"),
    ],
)
def test_a_zone_is_kept_by_the_name_of_today(name: str, known: str) -> None:
    assert canonical(name) == known


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Nowhere", "../etc/passwd", "\0", "a\ud800"])
def test_an_unknown_zone_is_the_declared_error(name: str) -> None:
    for read in (zone, canonical):
        with pytest.raises(UnknownZone, match="Unknown time zone"):
            read(name)


def test_an_old_name_is_known_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian 13 without tzdata-legacy: the package of Python has the old names."""
    monkeypatch.setattr("zoneinfo._tzpath.TZPATH", ())
    for name in ("US/Pacific", "Europe/Kiev"):
        assert zone(name).utcoffset(datetime(2026, 1, 1)) is not None  # noqa: DTZ001


def test_what_comes_twice_and_what_never_comes() -> None:
    """25 Oct 2026 in Berlin: 02:30 is in the first of both hours, and once it has passed it is
    tomorrow's turn; 29 Mar: what is skipped is right after the gap."""
    second = datetime(2026, 10, 25, 1, 0, 30, tzinfo=UTC)  # 02:00:30 for the second time
    assert next_cron("30 2 * * *", second, BERLIN) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert last_cron("30 2 * * *", second, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    march = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert next_cron("30 2 * * *", march, BERLIN) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


_crons = st.sampled_from(
    [
        "30 2 * * *",
        "0 * * * *",
        "*/7 * * * *",
        "0 3 * * 0",
        "15 2 29 * *",
        "0 0 1 1 *",
        "* 2 * 10 *",
    ]
)
_times = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1))  # noqa: DTZ001


@given(
    _crons, _times, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
)
def test_the_last_time_and_the_next_leave_no_other_between(
    cron: str, local: datetime, name: str
) -> None:
    at, clocks = local.replace(tzinfo=UTC), zone(name)
    last, after = last_cron(cron, at, clocks), next_cron(cron, at, clocks)
    assert last is not None
    assert after is not None
    assert last <= at < after
    assert next_cron(cron, last, clocks) == after
    assert next_cron(cron, last - timedelta(seconds=1), clocks) == last


@pytest.mark.parametrize(
    "cron", ["² * * * *", "61 * * * *", "0 0 31 2 *", "* *", "1," * 200 + "1 * * * *"]
)
def test_a_cron_that_names_no_time_has_a_fault(cron: str) -> None:
    assert cron_error(cron)
