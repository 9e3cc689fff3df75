"""Colours are told from the text that has them, and stay where they are when it changes."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from baton.text.printable import without_escapes
from baton.text.sgr import MOST_COLOUR, PLAIN, Style, StyledLine, StyledPiece, sgr, styled
from tests.support.quick import INPUT, quickly

RED = Style(colour="31")
PARTS = st.sampled_from(
    ["a", "b", "\x1b[31m", "\x1b[0m", "\x1b[1;4m", "\x1b[7;48;5;9m", "\x1b[38;2;1;2;3m", "\x1b[2K"]
)


@pytest.mark.parametrize(
    ("sequence", "style"),
    [
        ("\x1b[31m", RED),
        ("\x9b31m", RED),
        ("\x1b[m", PLAIN),
        ("\x1b[1;31;0;31m", RED),
        ("\x1b[31;1;22m", RED),
        ("\x1b[1;2;3;4;7m", Style("", "", True, True, True, True, True)),
        ("\x1b[92;103m", Style("92", "93")),
        ("\x1b[31;44;39m", Style(ground="34")),
        ("\x1b[38;5;208m", Style("38;5;208")),
        ("\x1b[38:5:208m", Style("38;5;208")),
        ("\x1b[38:2::255:135:0m", Style("38;2;255;135;0")),
        ("\x1b[38:2:255:135:0m", Style("38;2;255;135;0")),
        ("\x1b[48;2;255;135;0;1m", Style(ground="38;2;255;135;0", bold=True)),
        ("\x1b[4m\x1b[4:0m", PLAIN),
        ("\x1b[38;5m", PLAIN),
        ("\x1b[38;5;999;31m", RED),
        ("\x1b[38;9;1m", Style(bold=True)),
        ("\x1b[38m", PLAIN),
        ("\x1b[58;5;4;31m", RED),
        ("\x1b[58;2;1;4;7;31m", RED),
        ("\x1b[58:5:4;31m", RED),
        ("\x1b[58:2::1:4:7m\x1b[59;31m", RED),
        ("\x1b[" + "9" * 100 + "m", PLAIN),
        ("\x1b[31m\x1b[2J\x1b]0;title\x07\x1b[1A\x1b[?25l", RED),
    ],
)
def test_a_sequence_sets_a_style(sequence: str, style: Style) -> None:
    """All that programs write (ECMA-48, xterm, ISO 8613-6); what is none of it changes nothing."""
    assert styled(f"{sequence}x") == ([StyledPiece(style, "x")], style)
    assert styled(f"{sgr(style)}x", Style("35", bold=True)) == ([StyledPiece(style, "x")], style)


@given(st.lists(PARTS, max_size=12), st.integers(0, 12))
def test_the_style_is_carried_from_part_to_part(parts: list[str], cut: int) -> None:
    """Text that is read in two parts looks as if it had been read in one."""
    begun, style = styled("".join(parts[:cut]))
    rest, end = styled("".join(parts[cut:]), style)
    whole, whole_end = styled("".join(parts))
    assert end == whole_end
    assert StyledLine(begun + rest).written() == StyledLine(whole).written()


@example("\x9b\x9b\\1m")  # the first one would begin a colour once the second was left out
@given(st.text(st.sampled_from("ab\x1b[]0123;:m\x9b\x07\\ K"), max_size=60))
def test_whatever_was_sent_only_colours_are_left(text: str) -> None:
    """What is written has no other escape, the same text, and ends plain."""
    line = StyledLine(styled(text)[0])
    written = line.written()
    assert without_escapes(written) == without_escapes(line.text)
    assert not re.sub(r"\x1b\[[0-9;]+m", "", written).count("\x1b")
    assert styled(written)[1] == PLAIN


@given(st.lists(PARTS, max_size=20))
def test_text_is_replaced_as_if_it_had_no_colours(parts: list[str]) -> None:
    line = StyledLine(styled("".join(parts))[0])
    text, colours = line.text, [styled(line.written(at, at + 1))[0] for at in range(len(line.text))]
    line.replace(re.compile("ab"), lambda found: "•••")
    assert line.text == text.replace("ab", "•••")
    places = [
        at for at in range(len(text)) if "ab" not in (text[at : at + 2], text[at - 1 : at + 1])
    ]
    kept = [at for at, sign in enumerate(line.text) if sign != "•"]
    assert [styled(line.written(at, at + 1))[0] for at in kept] == [colours[at] for at in places]


def test_colours_of_a_line_are_bounded() -> None:
    """A line that changes its colour at each character does not grow beyond a message."""
    line = StyledLine(styled("".join(f"\x1b[3{at % 8}mx" for at in range(4_000)))[0])
    written = line.written()
    assert without_escapes(written) == "x" * 4_000
    assert len(written) <= 4_000 + MOST_COLOUR + 10
    assert styled(written)[0][-1].style == PLAIN


@pytest.mark.parametrize(
    "sign", ["\x1b", "\x1b[", "\x1b[31m", "\x1b[31mx", "\x1b]", "\x9b", "\x1b[" + ";" * 99 + "m"]
)
def test_no_line_takes_long(sign: str) -> None:
    text = sign * (60_000 // len(sign))
    quickly(lambda: StyledLine(styled(text)[0]).written(), within=20 * INPUT)
