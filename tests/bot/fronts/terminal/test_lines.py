"""Text with styles: cut, laid out, and harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.bus.messages import State
from baton.outcome import Answer
from bot.fronts.terminal.lines import (
    answer_lines,
    bar,
    clean,
    cut,
    line,
    style_of,
    table,
    text_of,
    width,
    wrapped,
)
from tests.support.quick import INPUT, quickly


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(0, "─" * 20 + "   0 %"), (50, "━" * 10 + "─" * 10 + "  50 %"), (100, "━" * 20 + " 100 %")],
)
def test_bar(percent: int, shown: str) -> None:
    """A bar is as full as the percent says, and says it in figures too."""
    assert text_of(bar(percent)) == shown


def test_nothing_moves_the_cursor() -> None:
    """What a server or a person wrote cannot colour, move or ring anything."""
    assert clean("\x1b[31mred\x1b[0m\x07 a\tb\r\x1b]0;title\x07") == "red a    b "


def test_cut_says_that_it_was_cut() -> None:
    """A line too long for the screen ends with an ellipsis and is never wider than the screen."""
    long = (("host", "web-1 "), ("", "x" * 100))
    assert text_of(cut(long, 20)) == "web-1 " + "x" * 13 + "…"
    assert cut(line("short"), 20) == line("short")
    assert width(text_of(cut(line("日本語" * 10), 11))) <= 11
    assert text_of(cut(long, 0)) == text_of(cut(long, -1)) == "…"


def test_table_lies_under_its_heads() -> None:
    """Columns are as wide as their widest cell; a line break in a cell breaks no row."""
    rows = table(("host", "apps"), [("web-1", "shop"), ("db", "a\nb")])
    assert [text_of(row) for row in rows] == ["  host   apps", "  web-1  shop", "  db     a b"]


def test_answer_is_whole() -> None:
    """Summary, table and document are all shown."""
    answer = Answer("2 servers", ("host",), (("web-1",),), document="one\ntwo\n")
    shown = [text_of(row) for row in answer_lines(answer)]
    assert shown == ["2 servers", "  host", "  web-1", "one", "two"]


def test_every_state_has_a_style() -> None:
    """A state that is not known to be good, open or wanted is shown as bad."""
    assert style_of(State.SUCCEEDED) == "good"
    assert style_of(State.LOST) == style_of(State.REFUSED) == "bad"


def test_long_lines_are_broken_at_blanks() -> None:
    """As far in as the first, styles kept; a word that is too long is broken where it must be."""
    row = (("host", "  web-1 "), ("bad", "failed"), ("", ": it was not well"))
    assert wrapped(row, 40) == [row]
    assert [text_of(part) for part in wrapped(row, 16)] == [
        "  web-1 failed:",
        "  it was not",
        "  well",
    ]
    assert wrapped(row, 16)[0] == (("host", "  web-1 "), ("bad", "failed"), ("", ":"))
    assert [text_of(part) for part in wrapped((("", "x" * 25),), 10)] == [
        "x" * 10,
        "x" * 10,
        "x" * 5,
    ]


@given(st.text(st.sampled_from("ab 漢")), st.integers(2, 30))
def test_broken_lines_lose_nothing_but_blanks(text: str, columns: int) -> None:
    """And fit."""
    made = [text_of(part) for part in wrapped((("", text),), columns)]
    assert "".join(made).replace(" ", "") == text.replace(" ", "")
    assert all(width(part) <= columns for part in made)


@pytest.mark.parametrize("text", ["a" * 20_000, "a " * 10_000, " " * 20_000 + "x", "漢" * 20_000])
def test_a_long_line_is_cut_and_wrapped_in_linear_time(text: str) -> None:
    """However long what a server said is."""
    quickly(lambda: cut((("", text),), 80), within=2 * INPUT)
    quickly(lambda: wrapped((("", text),), 80), within=2 * INPUT)
