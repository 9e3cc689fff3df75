"""Words as Slack shows them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.outcome import Answer
from bot.dispatch.reply import Reply, ReplyKind
from bot.fronts.slack.blocks import text
from bot.fronts.slack.listeners.names import as_typed
from bot.fronts.terminal import lines
from tests.support.quick import quickly

ANY = st.text(st.characters(exclude_categories=["Cs"]))


@given(ANY, st.integers(1, 50))
def test_escaping_and_cutting(typed: str, most: int) -> None:
    """Nothing is a tag, no escape is cut in two, and the limit is kept."""
    made = text.escaped(typed, most)
    assert len(made) <= most
    assert "<" not in made
    assert made.count("&") == made.count("&amp;") + made.count("&lt;") + made.count("&gt;")


@given(
    st.builds(
        Reply,
        ANY,
        st.none()
        | st.builds(
            Answer,
            ANY,
            st.just(("a", "b")),
            st.lists(st.tuples(ANY, ANY), max_size=300).map(tuple),
            ANY.map(lambda each: each * 50),
        ),
        st.booleans(),
        st.just("") | st.just("j1"),
    )
)
def test_a_reply_always_says_something_short(reply: Reply) -> None:
    """A private answer is never empty, and never longer than Slack recommends."""
    assert 0 < len(text.reply_text(reply)) <= 4000


def test_an_accepted_job_is_named() -> None:
    """Even if the dispatcher has no words for it."""
    assert text.reply_text(Reply(job="j1")) == "Started job j1. Progress is in the thread below."


def test_code_cannot_be_left() -> None:
    """Neither a line of code nor a block of it ends before its end."""
    assert text.code("a `b` c", 20) == "`a 'b' c`"
    assert text.fenced("a\n```\n<b>") == "```\na\n'''\n&lt;b&gt;\n```"


def test_progress_that_rewrites_its_line_reads_as_it_ended() -> None:
    """`10 %\\r20 %` is 20 %."""
    assert text.clean("get 10 %\rget 20 %\r\ndone\x07") == "get 20 %\ndone"


def test_commands_are_named_as_they_are_typed_in_slack() -> None:
    """What has no slash command of its own in the manifest is asked of /baton; nothing else that
    begins with a slash changes."""
    known = ("deploy", "jobs", "log")
    same = "/deploy shop, /baton log, /var/log/x, /log/a, a/log"
    said = f"/jobs shows them, `/log 7k2m` all (/log); {same}"
    assert as_typed(said, known) == (
        f"/baton jobs shows them, `/baton log 7k2m` all (/baton log); {same}"
    )
    assert as_typed("/jobs", ["deploy"]) == "/jobs"


def test_a_long_cell_hides_no_other() -> None:
    """A table cuts cells, not rows: what somebody typed at length leaves the verdict readable."""
    columns = ("when", "who", "asked", "verdict")
    rows = [("09:00", "ann", "/ping prod", "allowed"), ("09:01", "y" * 90, "y" * 400, "refused")]
    shown = text.table(columns, rows, 3000).split("\n")
    assert shown[0].split() == ["when", "who", "asked", "verdict"]
    assert shown[1].endswith("allowed")
    assert shown[2].endswith("refused")
    assert all(len(line) <= text.MAX_ROW for line in shown)
    assert text.table((), [("y" * 400,) * 150], 3000).startswith("…")


@given(st.lists(st.integers(0, 500), min_size=1, max_size=90))
def test_columns_share_a_row(widths: list[int]) -> None:
    """Nothing is cut while there is room, and only what is wide is narrowed."""
    made = text._narrowed(widths)
    assert all(new <= width for new, width in zip(made, widths, strict=True))
    assert sum(made) <= text.MAX_ROW or len(widths) > text.MAX_ROW // 3
    room = text.MAX_ROW - 2 * (len(widths) - 1)
    if sum(widths) <= room:
        assert made == widths


def test_a_long_word_hides_no_reason() -> None:
    """Of what was refused the word is cut, and why it was stays."""
    said = text.reply_text(
        Reply(
            f"You may not deploy {'a' * 7000} in prod: no rule allows it.", kind=ReplyKind.REFUSED
        )
    )
    assert said.endswith("… in prod: no rule allows it.")


@pytest.mark.parametrize("made", [text.clean, lines.clean])
def test_what_turns_words_around_is_not_shown(made: Callable[[str], str]) -> None:
    """Bidi marks, C1 and escape sequences go, in Slack as on a terminal; lines and tabs stay."""
    assert made("a\u202eb\x9b31mc\x1b]0;t\x07d\u2066\n\te\u200f") == "abcd\n    e"


def test_a_huge_text_is_cut_at_once() -> None:
    """What nobody is shown is not read: megabytes of output hold nobody up."""
    huge = "é\u202e\x1b[31m" * 1_000_000
    assert text.is_long(huge)
    assert len(text.escaped(huge, 100)) <= 100
    quickly(lambda: text.is_long(huge))
    quickly(lambda: text.escaped(huge, 100))
    assert text.escaped("\u202e" * 5000, 10) == "…", "that something is missing is said"
