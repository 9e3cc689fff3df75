"""What depends on the wall clock, however that is set: cron of check-ins and of maintenance."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts import CheckIn, Engine
from alerts.checks.checkins import late_at
from alerts.cron import next_time
from alerts.settings import parse_alerts

HOUR = 3600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def engine(text: str) -> Engine:
    return Engine(parse_alerts(f'channel = "C1"\n{text}'))


def test_the_hour_that_comes_twice_is_no_false_alarm() -> None:
    """Berlin, 25 Oct: received in the second 02:00, so the next 02:30 is tomorrow's."""
    assert next_time("30 2 * * *", at("2026-10-25T01:00:30"), "Europe/Berlin") == at(
        "2026-10-26T01:30"
    )


@pytest.mark.parametrize(
    ("heard", "late"),
    [
        ("02:59:58", "2026-11-27T03:30"),  # its clock is a little ahead of ours
        ("02:30:00", "2026-11-27T03:30"),
        ("02:29:00", "2026-11-26T03:30"),  # before its grace: of yesterday
        ("03:00:05", "2026-11-27T03:30"),
    ],
)
def test_grace_holds_before_the_time_too(heard: str, late: str) -> None:
    """A check-in at 03:00 with 30 minutes of grace."""
    assert late_at(at(f"2026-11-26T{heard}"), 1800, cron="0 3 * * *") == at(late)


def test_what_comes_late_does_not_count_for_the_next_time() -> None:
    """Every 10 minutes with a grace of an hour: at 00:01 the one of 00:00 has come, and no
    other."""
    assert late_at(at("2026-11-26T00:01"), HOUR, cron="*/10 * * * *") == at("2026-11-26T01:10")


BACKUP = '[[checkin]]\nname = "backup"\ncron = "0 4 * * *"\ngrace = "30m"\n'


def firing(one: Engine, steady: float, skew: float) -> list[str]:
    one.tick(steady, skew)
    return [episode.labels.title() for episode in one.firing()]


def test_a_checkin_goes_by_the_clock_that_was_set() -> None:
    """The clock was 3 hours behind at the start, and NTP set it: a check-in at 04:10 has come, and
    is late at 04:30 of the next day, not at 07:31 and not hours later."""
    one = engine(BACKUP)
    start, skew = at("2026-11-26T01:00"), 3 * HOUR
    one.reload(one.settings, start)
    assert firing(one, start + 60, skew) == []
    one.observe(CheckIn("backup", start + 600))  # 04:10
    assert firing(one, start + 4 * HOUR, skew) == []
    assert firing(one, at("2026-11-27T04:29") - skew, skew) == []
    assert firing(one, at("2026-11-27T04:31") - skew, skew) == ["late checkin=backup"]


def test_so_does_maintenance() -> None:
    """At 04:10 the window of 04:00 is open, whatever the clock was at the start."""
    one = engine(
        BACKUP
        + '[[maintenance]]\nmatch = "checkin=backup"\nreason = "weekly"\ncron = "0 4 * * *"\n'
        'length = "1h"\n'
    )
    start, skew = at("2026-11-26T01:00"), 3 * HOUR
    one.tick(start)
    one.tick(start + 60, skew)
    one.observe(CheckIn("backup", start + 600, failed=True))
    one.tick(start + 601, skew)
    (muted,) = one.muting.muted.values()
    assert muted.why == "maintenance: weekly"
    assert muted.until == at("2026-11-26T05:00") - skew
    one.tick(start + 2 * HOUR, skew)
    assert not one.muting.muted


def test_a_window_that_cannot_be_judged_leaves_the_others() -> None:
    """Its zone is gone after an update of the system: that window mutes nothing, and the error
    names it."""
    one = engine(
        BACKUP
        + '[[maintenance]]\nmatch = "env=x"\nreason = "odd"\ncron = "0 4 * * *"\nlength = "1h"\n'
        '[[maintenance]]\nmatch = "checkin=backup"\nreason = "fine"\n'
        'cron = "* * * * *"\nlength = "1h"\n'
    )
    table = one.settings.maintenance[0].model_copy(update={"zone": "Mars/Base"})
    maintenance = (table, one.settings.maintenance[1])
    start = at("2026-11-26T01:00")
    one.reload(one.settings.model_copy(update={"maintenance": maintenance}), start)
    one.observe(CheckIn("backup", start, failed=True))
    one.tick(start)
    assert [muted.why for muted in one.muting.muted.values()] == ["maintenance: fine"]
    assert "odd" in one.faults.take()[0].what
