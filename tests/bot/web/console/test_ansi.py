"""Colours become classes, and nothing that a program writes becomes anything else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.text.sgr import PLAIN
from bot.web.console.ansi import plain, spans
from tests.support.quick import INPUT, quickly


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("plain", [("", "plain")]),
        ("", []),
        ("\x1b[31mred\x1b[0m plain", [("f1", "red"), ("", " plain")]),
        ("\x1b[1;4;92;44mx", [("bold underline f10 b4", "x")]),
        ("\x1b[38;5;9mx", [("f9", "x")]),
        ("\x1b[38;5;208mx", [("f3", "x")]),
        ("\x1b[38;5;196mx", [("f9", "x")]),
        ("\x1b[48;5;255mx", [("b7", "x")]),
        ("\x1b[38;2;255;255;254mx", [("f15", "x")]),
        ("\x1b[7mx", [("fr br", "x")]),
        ("\x1b[7;31mx", [("fr b1", "x")]),
        ("\x1b[7;31;42mx", [("f2 b1", "x")]),
        ("\x1b[31ma\x1b[2Kb", [("f1", "ab")]),
        ("a\tb\x07\u202e", [("", "a    b")]),
        ("<b>\x1b[31m&", [("", "<b>"), ("f1", "&")]),
    ],
)
def test_a_line_becomes_spans(line: str, found: list[tuple[str, str]]) -> None:
    assert spans(line)[0] == found


def test_a_colour_goes_on_in_the_next_line() -> None:
    """A program need not end a colour where its line ends."""
    first, style = spans("\x1b[31mone")
    second, style = spans("two\x1b[0m", style)
    assert (first, second, style) == ([("f1", "one")], [("f1", "two")], PLAIN)


@given(st.text(st.sampled_from("ab<\x1b[]0123;:m\x9b\x07\\ K\u202e"), max_size=80))
def test_whatever_was_written_is_text_and_known_classes(line: str) -> None:
    """No control, no sign that turns text round, no other class; the same text without colours."""
    found, _ = spans(line)
    known = re.compile(r"(?:(?:bold|dim|italic|underline|[fb](?:r|\d|1[0-5]))(?: |$))*")
    assert all(known.fullmatch(name) and text for name, text in found)
    text = "".join(text for _, text in found)
    assert text == plain(line)
    assert text.isprintable()


def test_a_line_of_nothing_but_colours_takes_no_time() -> None:
    line = "".join(f"\x1b[38;2;{at % 256};{at // 256};3mx" for at in range(8_000))
    quickly(lambda: spans(line), within=20 * INPUT)
