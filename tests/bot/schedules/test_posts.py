"""The posts of a schedule: one a day, with the results in its thread, and notices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from baton.bus.messages import State
from bot.content import JobContent, NoticeContent
from bot.schedules.parser import parse_timing
from bot.schedules.posts import ScheduleDay, buttons, day_of, day_post, notice_post, render
from bot.schedules.schedule import Schedule
from tests.bot.build import ANN, OPS, T0


def schedule(**changes: object) -> Schedule:
    timing = parse_timing(["every", "2h"], T0, "Europe/Kyiv")
    made = Schedule("s" * 16, "key", "hail prod", timing, ANN, OPS, T0)
    return replace(made, **changes)  # type: ignore[arg-type]


def content(post: ScheduleDay) -> JobContent:
    shown = render(post).content
    assert isinstance(shown, JobContent)
    return shown


def test_a_day_is_that_of_its_own_clocks() -> None:
    """Until midnight there all results stand under one post."""
    its = schedule()
    evening = datetime(2026, 11, 24, 21, 59, tzinfo=UTC)
    assert day_of(its, evening) == day_of(its, evening - timedelta(hours=20))
    assert day_of(its, evening) != day_of(its, evening + timedelta(minutes=1))


def test_a_day_says_how_it_has_gone() -> None:
    """What came of each time, counted; what failed last; and whether it goes on."""
    its = schedule(tally={"succeeded": 3, "missed": 1}, outcome="succeeded")
    good = content(day_post(its, T0, T0))
    assert (good.summary, good.state) == ("2026-11-24: 3 succeeded, 1 missed", State.SUCCEEDED)
    bad = content(day_post(replace(its, outcome="failed on web-1"), T0, T0))
    assert bad.summary.endswith("; last run: failed on web-1")
    assert bad.state is State.FAILED
    paused = content(day_post(replace(its, status="paused", note="by ann"), T0, T0))
    assert paused.summary.endswith("; paused: by ann")
    assert "no run has finished yet" in content(day_post(schedule(), T0, T0)).summary


def test_a_notice_with_the_same_mark_is_the_same_post() -> None:
    """So it is posted once, whoever decides that it is needed."""
    one, again, other = (
        notice_post(schedule(), "it is paused.", False, mark, T0) for mark in ("1", "1", "2")
    )
    assert one.id == again.id != other.id
    assert render(one).content == NoticeContent("it is paused.", State.FAILED)


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("active", ["ask.run", "ask.pause", "ask.history", "ask.remove"]),
        ("paused", ["ask.run", "ask.resume", "ask.history", "ask.remove"]),
        ("ended", ["ask.history"]),
    ],
)
def test_its_buttons(status: str, actions: list[str]) -> None:
    """The actions are in posts that stand in the channel for months: they stay as they are."""
    assert [button.action for button in buttons("s" * 16, status)] == actions
