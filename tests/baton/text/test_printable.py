"""What others sent is shown without anything that a terminal or a log would obey."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.text.printable import printable


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("web-1", "web-1"),
        ("grün 東京", "grün 東京"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07web", "web"),
        ("\x1b]52;c;Zm9v\x1b\\web", "web"),
        ("\x9d0;title\x9cweb", "web"),
        ("end\x1b", "end"),
        ("one\r\ntwo\nthree", "one two three"),
        ("one\u2028two\u2029three\x85four", "one two three four"),
        ("a\tb\u3000c\u00a0d", "a b c d"),
        ("web\u202e1-\u200b\u200e\u2066x", "web1-x"),
        ("\x00\x07\x7f\udc80", ""),
        ("web\u3164-\u115f1\uffa0\u034f\U000e0100", "web-1"),
        ("\u26a0\ufe0f look", "\u26a0\ufe0f look"),
    ],
)
def test_nothing_is_left_that_a_terminal_obeys(sent: str, shown: str) -> None:
    assert printable(sent) == shown


def test_line_ends_stay_where_lines_are_wanted() -> None:
    assert printable("one\r\n\x1b[1mtwo\rthree\n", lines=True) == "one\ntwo three\n"


@given(st.text(st.characters(categories=None)))
def test_what_comes_out_is_one_line_that_can_be_seen_and_stays_as_it_is(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
