"""Our clock and Slack's: measured by every answer, and never taken for one."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.bus.messages import State
from baton_slack_testing import LostResponse, SlackServer
from bot.content import NoticeContent, Post
from bot.fronts.errors import Uncertain
from bot.fronts.slack import SlackChat
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.web_api.calls import SlackApi
from bot.fronts.slack.web_api.clock import SlackClock
from bot.jobs import Place

OPS = Place("slack", "C_OPS")
POST = Post("k1", NoticeContent("done", State.SUCCEEDED))
AGES = st.lists(
    st.tuples(st.floats(0, 30), st.floats(0, 3), st.floats(0, 1)), min_size=1, max_size=20
)


@given(st.floats(-4000, 4000), AGES)
def test_each_answer_bounds_the_difference(ahead: float, answers: list[tuple[float, ...]]) -> None:
    """However long an answer took, and though its date is cut to the second: the quickest one
    bounds it by as long as it took, and a second."""
    clock, moment = SlackClock(), 1_800_000_000.0
    for pause, took, part in answers:
        moment += pause
        written = moment + took * part - ahead
        clock.observe(formatdate(int(written), usegmt=True), moment, moment + took)
    assert clock.ahead is not None
    within = min(took for _, took, _ in answers) + 1.001
    assert abs(clock.ahead - ahead) <= within
    if abs(ahead) > within:
        assert (clock.ahead > 0) == (ahead > 0)
    assert clock.by_slack(moment) <= moment - min(ahead, 86_400) + 0.001


def test_a_clock_that_was_set_is_measured_anew() -> None:
    """What we noted before it was set is looked for where it may be."""
    clock = SlackClock()
    clock.observe(formatdate(1_800_000_000, usegmt=True), 1_800_000_180.0, 1_800_000_180.1)
    clock.observe(formatdate(1_800_000_010, usegmt=True), 1_800_000_010.2, 1_800_000_010.3)
    assert clock.ahead == 0.0
    assert clock.by_slack(1_800_000_180.0) <= 1_800_000_000.0


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Nov 2026 25:00:00 GMT", "\0"])
def test_a_date_that_is_none_says_nothing(date: str) -> None:
    """Nor does an answer that took too long."""
    clock = SlackClock()
    clock.observe(date, 1.0, 1.1)
    clock.observe(formatdate(1_800_000_000, usegmt=True), 1_800_000_000.0, 1_800_000_090.0)
    assert clock.ahead is None
    assert clock.by_slack(5.0) == 5.0


@pytest.mark.parametrize("behind", [180.0, -180.0, 0.0])
async def test_a_post_is_found_whatever_our_clock_says(
    slack: SlackServer, front: SlackFront, calls: SlackApi, behind: float
) -> None:
    """Slack's clock is minutes behind ours, or ahead: a post whose answer was lost is found, and
    the difference has a name."""
    slack.workspace.behind = behind
    await calls.change("auth.test")
    since = time.time()
    slack.faults.add("chat.postMessage", LostResponse())
    with pytest.raises(Uncertain):
        await front.post(OPS, POST, thread="")
    assert await front.find(OPS, "k1", thread="", since=since) is not None
    assert calls.clock.ahead == pytest.approx(behind, abs=2.6)


async def test_the_start_measures_it(slack: SlackServer, chat: SlackChat) -> None:
    """So that it can be told before anything goes wrong by it."""
    assert chat.clock_ahead == 0.0
