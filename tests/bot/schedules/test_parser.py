"""What people type is read as they mean it, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import UsageError
from baton.timing.calendar import end_of_day
from bot.schedules.parser import Parse, Timing, parse_timing, parses
from bot.schedules.recurrence import Cron, Every, Once, Recurrence, Weekly, When
from bot.schedules.rules import Rules
from bot.schedules.times import upcoming

NOW = datetime(2026, 11, 24, 6, 50, tzinfo=UTC)
KYIV = "Europe/Kyiv"
WEEKDAYS = (0, 1, 2, 3, 4)


def read(text: str) -> Timing:
    return parse_timing(text.split(), NOW, KYIV)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("every 5m", Every(seconds=300)),
        ("every 5 min", Every(seconds=300)),
        ("every 2 hours", Every(seconds=7200)),
        ("every 1h30m", Every(seconds=5400)),
        ("every hour", Every(seconds=3600)),
        ("every 10s", Every(seconds=10)),
        ("at 09:00", Weekly(days=tuple(range(7)), times=(time(9),))),
        (
            "every day at 9am and 5:30pm",
            Weekly(days=tuple(range(7)), times=(time(9), time(17, 30))),
        ),
        ("weekdays at 9am", Weekly(days=WEEKDAYS, times=(time(9),))),
        ("at 9 am on weekdays", Weekly(days=WEEKDAYS, times=(time(9),))),
        ("mon-fri at noon", Weekly(days=WEEKDAYS, times=(time(12),))),
        ("mon,thu at 18:30", Weekly(days=(0, 3), times=(time(18, 30),))),
        ("Mondays, Thursday and sun at 18:30", Weekly(days=(0, 3, 6), times=(time(18, 30),))),
        ("fri-mon at midnight", Weekly(days=(0, 4, 5, 6), times=(time(0),))),
        ("on 2027-01-05 at 07:00", Once(local=datetime.fromisoformat("2027-01-05T07:00"))),
        ("tomorrow at 07:00", Once(local=datetime.fromisoformat("2026-11-25T07:00"))),
        ("in 20m", Once(local=datetime.fromisoformat("2026-11-24T09:10"))),
        ("cron 0 9 * * 1-5", Cron(expression="0 9 * * 1-5")),
    ],
)
def test_times_are_read(text: str, meant: Recurrence) -> None:
    """Each way of saying a time that the help names, on the clocks of the one who says it."""
    assert read(text).when == When(recurrence=meant, zone=KYIV)


def test_a_zone_may_be_named() -> None:
    """A zone after the time counts before the person's own."""
    assert read("at 09:00 America/New_York").when.zone == "America/New_York"
    assert read("at 09:00 in europe/paris quiet").when.zone == "Europe/Paris"
    assert read("tomorrow at 01:00 Pacific/Kiritimati").when.recurrence == Once(
        local=datetime.fromisoformat("2026-11-25T01:00")
    )


def test_rules_stand_after_the_time() -> None:
    """With or without dashes, in any order."""
    meant = Rules(
        overlap="queue",
        catch_up=3600,
        jitter=30,
        pause_after=3,
        times=10,
        quiet=True,
        until=datetime.fromisoformat("2027-01-05T23:59:59"),
    )
    words = "overlap queue one catch-up 1h jitter 30s pause-after 3 10 times until 2027-01-05 quiet"
    assert read(f"every 5m {words}").rules == meant
    dashed = "--quiet --until=2027-01-05 --times 10 --pause-after=3 --jitter 30s --catch-up=60m"
    assert read(f"every 5m {dashed} --overlap=queue").rules == meant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("every", "Missing duration, e.g. 5m."),
        ("every 5", "5 has no unit: write 5m or 5h."),
        ("every 3s", "3 s is too short: the minimum is 10 s."),
        ("every 0m", "“0m” is not a duration."),
        ("every 2 months", "Months and years differ in length"),
        (
            "every day",
            "At what time, every day? Write every day at 09:00, or every 24h from now on.",
        ),
        ("every week at 9am", "At what time, every week?"),
        ("every other day at 09:00", "“other” is not a duration."),
        ("every 2d at 09:00", "An interval has no time of day"),
        ("at 9", "“9” is ambiguous: write 09:00 or 9pm."),
        ("at 12am", "“12am” is ambiguous: write noon or midnight."),
        ("at 25:00", "“25:00” is not a time of day."),
        ("weekdays", "At what time on these days?"),
        ("mon,thur,fryday at 09:00", "“fryday” is not a day of the week. Did you mean friday?"),
        ("on 05/01/2027 at 7am", "Invalid date “05/01/2027”"),
        ("on 2027-02-30 at 07:00", "The date 2027-02-30 does not exist."),
        ("on 2026-11-23 at 07:00", "This time is in the past."),
        ("today at 08:49", "This time is in the past."),
        ("cron 0 9 * *", "it has five fields"),
        ("cron 0 25 * * *", "bad hour"),
        ("cron 0 0 30 2 *", "bad day-of-month"),
        ("at 09:00 Europe/Kiyv", "Unknown time zone Europe/Kiyv. Did you mean Europe/Kyiv?"),
        ("at 09:00 EST", "“EST” can mean several time zones"),
        ("every 5m quiet quiet", "“quiet” is given twice."),
        ("every 5m loudly", "Unknown rule “loudly” after the time."),
        ("every 5m jitter 5m", "The jitter must be shorter"),
        ("every 5m until 2026-11-23", "“until” is in the past."),
        ("in 20m 3 times", "A schedule that runs once cannot have an end."),
        ("hourly", "Instead of “hourly” write every 1h"),
    ],
)
def test_what_is_unclear_is_an_error_with_examples(text: str, problem: str) -> None:
    """What could be read in two ways is not guessed at."""
    with pytest.raises(UsageError) as caught:
        read(text)
    assert problem in caught.value.problem
    assert "weekdays at 9am" in caught.value.usage


def test_where_the_command_ends() -> None:
    """The longest time is tried first, and what stands before it is the command."""
    found = list(parses(["ping", "prod", "weekdays", "at", "09:00"], NOW, KYIV))
    assert found == [
        Parse(("ping", "prod"), read("weekdays at 09:00")),
        Parse(("ping", "prod", "weekdays"), read("at 09:00")),
    ]


ZONES = ("UTC", KYIV, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
CLOCKS = st.times().map(lambda each: each.replace(second=0, microsecond=0))
FUTURE = st.datetimes(datetime.fromisoformat("2027-01-01"), datetime.fromisoformat("2037-01-01"))
SECONDS = FUTURE.map(lambda each: each.replace(microsecond=0))
FIELD = st.sampled_from(("*", "*/5", "1-5", "2,7", "3"))
RECURRENCES = st.one_of(
    st.integers(10, 3_000_000).map(lambda seconds: Every(seconds=seconds)),
    st.builds(
        Weekly,
        days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        times=st.sets(CLOCKS, min_size=1, max_size=4).map(lambda times: tuple(sorted(times))),
    ),
    st.lists(FIELD, min_size=5, max_size=5).map(lambda five: Cron(expression=" ".join(five))),
    st.builds(Once, local=SECONDS),
)
RULES = st.builds(
    Rules,
    overlap=st.sampled_from(("skip", "queue", "allow")),
    catch_up=st.integers(0, 1_000_000),
    jitter=st.integers(0, 5),
    pause_after=st.integers(0, 99),
    until=st.none() | SECONDS | SECONDS.map(lambda each: end_of_day(each.date())),
    times=st.none() | st.integers(1, 99),
    quiet=st.booleans(),
)


@given(RECURRENCES, RULES, st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_what_is_said_of_a_time_is_read_as_the_same(
    recurrence: Recurrence, rules: Rules, zone: str, own: str
) -> None:
    """A time and its rules, described, are read back as they were, and described alike again."""
    if isinstance(recurrence, Once):
        rules = rules.model_copy(update={"until": None, "times": None})
    meant = Timing(When(recurrence=recurrence, zone=zone), rules)
    words = meant.words(own)
    again = parse_timing(words.split(), NOW, own)
    assert again == meant
    assert again.words(own) == words


@given(RECURRENCES, RULES)
def test_rows_are_json(recurrence: Recurrence, rules: Rules) -> None:
    """A time and its rules come out of JSON as they went in."""
    when = When(recurrence=recurrence, zone=KYIV)
    assert When.model_validate_json(when.model_dump_json()) == when
    assert Rules.model_validate_json(rules.model_dump_json()) == rules


def test_in_20m_is_that_moment_where_clocks_go_back() -> None:
    """In the hour that comes twice `in 20m` is 20 minutes away, not 80, and not past."""
    for minute in range(0, 180, 10):
        now = datetime(2026, 10, 24, 23, tzinfo=UTC) + timedelta(minutes=minute)
        when = parse_timing(["in", "20m"], now, KYIV).when
        (at,) = islice(upcoming(when, now, now), 2)
        assert (at - now).total_seconds() == 1200
