"""Blocks: whatever is to be shown, Slack takes it, and it reads in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.bus.messages import State
from baton_slack_testing.blocks import check_blocks
from baton_slack_testing.plain import plain
from bot.content import (
    Button,
    Content,
    FleetContent,
    Group,
    JobContent,
    NoticeContent,
    OutputContent,
    Row,
)
from bot.fronts.slack.blocks import posts as made

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
IDS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", max_size=16)
"""Ids of jobs, which Baton makes itself; empty where there is none."""
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
    job=IDS,
    hint=LONG,
    page=st.sampled_from(["", "https://baton.example.com/jobs/7k2m9x00"]),
)
OUTPUTS = st.builds(OutputContent, LONG, STATES, LONG, LONG, st.integers(0, 10**6), IDS)
NOTICES = st.builds(NoticeContent, LONG, STATES, IDS)
GROUPS = st.builds(Group, STATES, LONG, LONG, LONG, LONG, st.integers(0, 10**6))
FLEETS = st.builds(FleetContent, STATES, LONG, st.lists(GROUPS, max_size=7).map(tuple), LONG, IDS)
CONTENTS: st.SearchStrategy[Content] = st.one_of(JOBS, OUTPUTS, FLEETS, NOTICES)


@settings(max_examples=60, deadline=None)
@given(CONTENTS, st.booleans())
def test_slack_takes_whatever_is_to_be_shown(content: Content, plan: bool) -> None:
    """All limits are kept, for any text, any number of servers, with and without plans."""
    check_blocks(made.blocks(content, "m", plan=plan), plan_blocks=plan)
    assert 0 < len(made.fallback(content)) <= 1000


@pytest.mark.parametrize(
    ("page", "linked"),
    [
        ("https://baton.example.com/jobs/7k2m9x00", True),
        ("http://127.0.0.1:8080/jobs/7k2m9x00", False),
        ("http://localhost:8080/jobs/7k2m9x00", False),
        ("", False),
    ],
)
def test_a_job_leads_to_its_page(page: str, linked: bool) -> None:
    """Where the people of Slack can open it: the machine of the bot is not theirs. The hint stays
    beside it."""
    content = JobContent("ping prod", "U_ANN", "", State.RUNNING, hint="Blind.", page=page)
    drawn = made.blocks(content, "m")
    check_blocks(drawn, plan_blocks=True)
    links = [text for text in markdown(drawn) if "http" in text]
    assert links == ([f"<{page}|Live output on its page>"] if linked else [])
    assert "Blind." in plain("", drawn)


@pytest.mark.parametrize("plan", [True, False])
@pytest.mark.parametrize("state", list(State))
def test_a_state_is_a_word(state: State, plan: bool) -> None:
    """Neither colour nor sign carries it alone."""
    content = JobContent("ping prod", "U_ANN", "", State.RUNNING, (Row("web-1", state),))
    assert f"web-1: {state.value}" in plain("", made.blocks(content, "m", plan=plan))


def test_a_day_of_a_schedule_is_no_job() -> None:
    """It names the schedule, and its summary alone says how its day went."""
    summary = "2026-11-24: no run has finished yet"
    content = JobContent(
        "ping prod, every 5m", "U_ANN", summary, State.SUCCEEDED, job="a0d55a", schedule="pt514r"
    )
    assert plain("", made.blocks(content, "m")).split("\n") == [
        "✅ <@U_ANN> scheduled: `ping prod, every 5m`",
        summary,
        "schedule pt514r",
    ]
    assert made.fallback(content) == f"✅ ping prod, every 5m: {summary}"


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


MARKUP = "rm: 'src/*.c lib/*.c': `make clean` first, see __init__ ~x~ _y_ :100: <https://x|y>"


@pytest.mark.parametrize("plan", [True, False])
def test_what_a_server_says_is_no_markup(plan: bool) -> None:
    """Asterisks, backticks, colons: people read what was said, letter for letter."""
    row = Row("web-1", State.FAILED, MARKUP)
    contents: list[Content] = [
        JobContent("ship shop", "U_ANN", MARKUP, State.FAILED, (row,), (MARKUP,), hint=MARKUP),
        OutputContent("web-1", State.FAILED, MARKUP, MARKUP),
        FleetContent(
            State.FAILED, MARKUP, (Group(State.FAILED, MARKUP, MARKUP, "w", MARKUP),), MARKUP
        ),
        NoticeContent(MARKUP, State.FAILED, "j1"),
    ]
    for content in contents:
        drawn = made.blocks(content, "m", plan=plan)
        assert not any("make clean" in text for text in markdown(drawn)), content
        assert MARKUP in plain("", drawn)
        assert "emoji': True" not in str(drawn)


@pytest.mark.parametrize("state", list(State))
def test_a_post_begins_with_its_state(state: State) -> None:
    """A sign, the word, the short id of the job, then the rest; in a notification too."""
    job = "7k2m9x00c0ffee"
    contents: list[Content] = [
        JobContent("ship shop", "U_ANN", "1 of 1", state, job=job),
        OutputContent("web-1", state, "building", "x", job=job),
        FleetContent(state, "1 of 1", (Group(state, "1 of 1", "web-1"),), job=job),
        NoticeContent("ship shop: not done", state, job),
    ]
    for content in contents:
        for words in (plain("", made.blocks(content, "m")), made.fallback(content)):
            sign, word, id = words.replace("*", "").replace("`", "").split()[:3]
            assert not sign.isascii()
            assert (word, id) == (state.value, "7k2m9x")
            assert job not in words


def test_a_thousand_servers_fit_into_a_post() -> None:
    """Whatever they say, with all groups there are."""
    groups = tuple(
        Group(
            State.FAILED,
            "x" * 900,
            ", ".join(f"web-{at:04}.example.net" for at in range(99)),
            "w",
            "y\n" * 900,
        )
        for _ in range(7)
    )
    check_blocks(made.blocks(FleetContent(State.FAILED, "z" * 900, groups, "r" * 900, "j1"), "m"))


def test_of_many_servers_the_troubled_are_shown() -> None:
    """What failed comes first, then what is under way; the rest is counted by state."""
    rows = [Row(f"web-{at:03}", State.SUCCEEDED) for at in range(100)]
    rows[90] = Row("web-090", State.FAILED)
    rows[95] = Row("web-095", State.RUNNING)
    shown, rest = made.shown_rows(rows)
    assert len(shown) == made.MAX_ROWS
    assert [row.host for row in shown][-2:] == ["web-090", "web-095"]
    assert rest == "and 70 more: 70 succeeded"


def test_the_end_of_an_output_is_shown() -> None:
    """Its last lines, without terminal colours, and how many came before."""
    text = "\n".join(f"\x1b[32mline {at}\x1b[0m" for at in range(2000))
    content = OutputContent("web-1", State.RUNNING, "building", text, hidden=10, job="j1")
    shown = plain("", made.blocks(content, "m"))
    assert shown.startswith("▶️ running j1  web-1: building\nline 1400\n")
    assert "line 1999\n1410 earlier lines are not shown: /baton log j1 --host web-1" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(("percent", "shown"), [(0, "░" * 8), (50, "▓▓▓▓░░░░"), (100, "▓" * 8)])
def test_the_progress_bar(percent: int, shown: str) -> None:
    """Eight steps, and the number."""
    assert made.bar(percent) == f"{shown} {percent} %"
