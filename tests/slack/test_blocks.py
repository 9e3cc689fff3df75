"""Blocks: whatever is to be shown, Slack takes it, and it reads in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.messages import State
from bot.front import Button, Content, JobContent, NoticeContent, OutputContent, Row
from bot.slack import blocks as made
from tests.support.slack_server.blocks import check_blocks
from tests.support.slack_server.plain import plain

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
LONG = st.builds(lambda text, times: text * times, WORDS, st.integers(1, 200))
STATES = st.sampled_from(State)
ROWS = st.builds(Row, LONG, STATES, LONG, st.none() | st.integers(0, 100))
BUTTONS = st.builds(
    Button, st.sampled_from(["cancel", "approve", "x"]), LONG.filter(bool), LONG.filter(bool), LONG
)
JOBS = st.builds(
    JobContent,
    title=LONG,
    asked_by=WORDS,
    summary=LONG,
    state=STATES,
    rows=st.lists(ROWS, max_size=120).map(tuple),
    lines=st.lists(LONG, max_size=20).map(tuple),
    buttons=st.lists(BUTTONS, max_size=3, unique_by=lambda button: button.action).map(tuple),
    job=WORDS,
    hint=LONG,
)
OUTPUTS = st.builds(OutputContent, LONG, STATES, LONG, LONG, st.integers(0, 10**6), WORDS)
NOTICES = st.builds(NoticeContent, LONG, STATES)
CONTENTS: st.SearchStrategy[Content] = st.one_of(JOBS, OUTPUTS, NOTICES)


@settings(max_examples=60, deadline=None)
@given(CONTENTS, st.booleans())
def test_slack_takes_whatever_is_to_be_shown(content: Content, plan: bool) -> None:
    """All limits are kept, for any text, any number of servers, with and without plans."""
    check_blocks(made.blocks(content, "m", plan=plan), plan_blocks=plan)
    assert 0 < len(made.fallback(content)) <= 1000


@pytest.mark.parametrize("plan", [True, False])
@pytest.mark.parametrize("state", list(State))
def test_a_state_is_a_word(state: State, plan: bool) -> None:
    """Neither colour nor sign carries it alone."""
    content = JobContent("ping prod", "U_ANN", "", State.RUNNING, (Row("web-1", state),))
    assert f"web-1: {state.value}" in plain("", made.blocks(content, "m", plan=plan))


def test_a_day_of_a_schedule_is_no_job() -> None:
    """It names the schedule, and its summary alone says how its day went."""
    summary = "2026-11-24: no run has ended yet"
    content = JobContent(
        "ping prod, every 5m", "U_ANN", summary, State.SUCCEEDED, job="a0d55a", schedule="pt514r"
    )
    assert plain("", made.blocks(content, "m")).split("\n") == [
        "<@U_ANN> scheduled: `ping prod, every 5m`",
        summary,
        "schedule pt514r",
    ]
    assert made.fallback(content) == f"ping prod, every 5m: {summary}"


def test_nothing_typed_becomes_a_mention_or_a_link() -> None:
    """`<!channel>` in an argument or in a server's output wakes nobody."""
    evil = "<!channel> & <https://x|y>"
    contents: list[Content] = [
        JobContent(evil, evil, evil, State.RUNNING, (Row(evil, State.RUNNING, evil),), (evil,)),
        OutputContent(evil, State.FAILED, evil),
        NoticeContent(evil, State.FAILED),
    ]
    for content in contents:
        assert "<!channel>" not in made.fallback(content)
        for plan in (True, False):
            for text in markdown(made.blocks(content, "m", plan=plan)):
                assert "<!" not in text
                assert "<http" not in text


def markdown(node: object) -> list[str]:
    """Every text in which Slack looks for mentions."""
    if isinstance(node, list):
        return [text for each in node for text in markdown(each)]
    if not isinstance(node, dict):
        return []
    if node.get("type") == "mrkdwn":
        return [str(node["text"])]
    return [text for each in node.values() for text in markdown(each)]


def test_of_many_servers_the_troubled_are_shown() -> None:
    """What failed comes first, then what is under way; the rest is counted by state."""
    rows = [Row(f"web-{at:03}", State.SUCCEEDED) for at in range(100)]
    rows[90] = Row("web-090", State.FAILED)
    rows[95] = Row("web-095", State.RUNNING)
    shown, rest = made.shown_rows(rows)
    assert len(shown) == made.MOST_ROWS
    assert [row.host for row in shown][-2:] == ["web-090", "web-095"]
    assert rest == "and 70 more: 70 succeeded"


def test_the_end_of_an_output_is_shown() -> None:
    """Its last lines, without terminal colours, and how many came before."""
    text = "\n".join(f"\x1b[32mline {at}\x1b[0m" for at in range(2000))
    content = OutputContent("web-1", State.RUNNING, "building", text, hidden=10, job="j1")
    shown = plain("", made.blocks(content, "m"))
    assert shown.startswith("*web-1* running: building\nline 1400\n")
    assert "line 1999\n1410 lines before are not shown: `/baton log j1` gives all" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(("percent", "shown"), [(0, "░" * 8), (50, "▓▓▓▓░░░░"), (100, "▓" * 8)])
def test_the_progress_bar(percent: int, shown: str) -> None:
    """Eight steps, and the number."""
    assert made.bar(percent) == f"{shown} {percent} %"
