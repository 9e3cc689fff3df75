from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.process.output_lines import LINE_LIMIT, MASK, RAW_LIMIT, OutputLines, Secrets
from baton.run import UPDATE_LIMIT
from baton.text.printable import without_escapes
from tests.support.quick import INPUT, quickly

RED = "\x1b[0;31mred\x1b[0m"


def _lines(*pieces: bytes, secrets: Secrets | None = None) -> list[str]:
    lines = OutputLines(secrets)
    return [line for piece in pieces for line in lines.feed(piece)] + lines.finish()


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a\r\nb\r\n"], ["a", "b"]),
        ([b"a\r", b"\nb"], ["a", "b"]),
        ([b"half", b" and half\n"], ["half and half"]),
        ([b"no end"], ["no end"]),
        ([b"\n\n"], ["", ""]),
        ([b"10%\r20%\r", b"30%\n"], ["30%"]),
        ([b"done\r"], ["done"]),
        ([b"\xc3", b"\xa9\n"], ["é"]),
        ([b"\xff\xfe!\n"], ["\ufffd\ufffd!"]),
        ([b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b(B\n"], ["\x1b[0;1;31mred\x1b[0m x"]),
        ([b"\x1b[31mred\nred\x1b[0m\n"], [RED, RED]),
        ([b"\x1b[31", b"mred\x1b[", b"0m\n"], [RED]),
        ([b"\x1b[31m\n\x1b[m\n\x1b[1mx\x1b[m  \n"], ["", "", "\x1b[0;1mx\x1b[0m"]),
        ([b"\x1b[31m10%\rred\n"], [RED]),
        ([b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\\n"], ["link"]),
        ([b"\x1b[2K\rnext\n"], ["next"]),
        (["\x9b31mred\x9b0m \x9d0;title\x07x\n".encode()], [f"{RED} x"]),
        ([b"bell\x07 tab\there\x00\n"], ["bell tab\there"]),
    ],
)
def test_output_becomes_lines_that_read_well(pieces: list[bytes], lines: list[str]) -> None:
    """Bytes in any pieces become whole lines, without escapes but those of colours, which each line
    says anew; a bar's last state counts."""
    assert _lines(*pieces) == lines


OUTPUT = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"\x1b[31m", b"\x1b[0m", b"\x1b[2K", b"\r", b"\n", b"a", b"\xc3\xa9"]),
    max_size=30,
).map(b"".join)


@given(OUTPUT, st.integers(0, 300))
def test_how_output_is_cut_into_pieces_does_not_matter(data: bytes, at: int) -> None:
    """The same bytes give the same lines, wherever a read happened to end; no control passes."""
    lines = _lines(data[:at], data[at:])
    assert lines == _lines(data)
    text = re.sub(r"\x1b\[[0-9;]+m", "", "".join(lines))
    assert all(char == "\t" or char.isprintable() or ord(char) > 159 for char in text)
    plain = OutputLines(colours=False)
    assert plain.feed(data) + plain.finish() == [without_escapes(line) for line in lines]


def test_a_very_long_line_is_cut_and_says_so() -> None:
    """A line without end neither fills the memory nor the thread."""
    lines = OutputLines()
    for _ in range(100):
        assert lines.feed(b"x" * RAW_LIMIT) == []
    (line,) = lines.feed(b"\nshort")
    cut = 100 * RAW_LIMIT - LINE_LIMIT
    assert line == "x" * LINE_LIMIT + f"… ({cut} more characters in this line)"
    assert lines.finish() == ["short"]


def test_colours_do_not_count_as_length() -> None:
    """What is shown of a line is as long with colours as without; and it fits into an update."""
    (line,) = _lines(b"\x1b[31mx\x1b[32my" * LINE_LIMIT)
    assert without_escapes(line) == "xy" * (LINE_LIMIT // 2) + (
        f"… ({without_escapes(line).partition('(')[2]}"
    )
    assert len(line) < UPDATE_LIMIT
    (line,) = _lines(b"\x1b[31m" + b"x" * LINE_LIMIT)
    assert line == f"\x1b[0;31m{'x' * LINE_LIMIT}\x1b[0m"


def test_secrets_are_masked() -> None:
    """A secret is masked wherever it stands, in pieces, coloured, at the cut, and line by line."""
    secrets = Secrets(["hunter22", "line one\nline two", "abc", "", "hunter22longer"])
    assert _lines(b"a=hunt", b"er22;\n", secrets=secrets) == [f"a={MASK};"]
    assert _lines(b"hunt\x1b[1mer22\n", secrets=secrets) == [MASK]
    assert _lines(b"a\x1b[31mhunt\x1b[1mer22\x1b[0mb\n", secrets=secrets) == [
        f"a\x1b[0;31m{MASK}\x1b[0mb"
    ]
    assert _lines(b"to ftp://u:\x1b[31mpass\x1b[0mword@h\n", secrets=secrets) == [
        f"to ftp://u:{MASK}@h"
    ]
    assert _lines(b"hunter22longer abc\n", secrets=secrets) == [f"{MASK} abc"]
    assert _lines(b"line one\nline two\n", secrets=secrets) == [MASK, MASK]
    (line,) = _lines(b"x" * (LINE_LIMIT - 4) + b"hunter22", secrets=secrets)
    assert "hunt" not in line


def test_the_last_line_is_kept_for_the_reason() -> None:
    """What was said last, but blank lines, is what explains a failure."""
    lines = OutputLines()
    lines.feed(b"first\n\x1b[31mfatal:\x1b[0m no\n\n  \n")
    assert lines.last == "fatal: no"


def test_a_line_without_end_is_given_as_far_as_it_has_come() -> None:
    """Once each: what was given is not given again when more comes, or the end."""
    lines = OutputLines()
    assert lines.feed(b"Compiling ...") == []
    assert lines.so_far() == ["Compiling ..."]
    assert lines.so_far() == []
    lines.feed(b" still")
    assert lines.so_far() == [" still"]
    assert lines.feed(b" done\nnext\n") == [" done", "next"]
    lines.feed(b"Continue? ")
    assert lines.so_far() == ["Continue? "]
    assert lines.finish() == []
    assert lines.last == "Continue?"


def test_a_line_that_comes_in_parts_keeps_its_colours() -> None:
    """Each part says its own colours, as each line does."""
    lines = OutputLines()
    lines.feed(b"\x1b[31mCompiling")
    assert lines.so_far() == ["\x1b[0;31mCompiling\x1b[0m"]
    lines.feed(b" on\x1b[0m, ")
    assert lines.so_far() == ["\x1b[0;31m on\x1b[0m, "]
    assert lines.feed(b"done\nnext\n") == ["done", "next"]


def test_each_state_of_a_bar_is_given() -> None:
    """A return starts the line anew; the last state is given once."""
    lines = OutputLines()
    lines.feed(b"10%\r20%")
    assert lines.so_far() == ["20%"]
    lines.feed(b"\r\x1b[2K30%\x1b[")
    assert lines.so_far() == ["30%"]
    lines.feed(b"0m\r100%")
    assert lines.so_far() == ["100%"]
    assert lines.feed(b"\n") == []


@pytest.mark.parametrize(
    ("begun", "given"),
    [
        (b"token: hunt", "token: "),
        (b"token: h", "token: "),
        (b"token: hunter22", f"token: {MASK}"),
        (b"to postgres://u:pw", "to postgres"),
        (b"Password:", "Password:"),
        (b"to postgres://u:pw@db", f"to postgres://u:{MASK}@db"),
        (b"caf\xc3", "caf"),
        (b"red \x1b[3", "red "),
        ("red \x9b3".encode(), "red "),
    ],
)
def test_half_a_secret_is_not_given(begun: bytes, given: str) -> None:
    """What may be the beginning of a secret, an escape or a character waits for the rest."""
    lines = OutputLines(Secrets(["hunter22"]))
    lines.feed(begun)
    assert lines.so_far() == [given]


@given(st.lists(st.text("hunter2 :/@pw\r", max_size=12), max_size=12))
def test_no_secret_shows_however_it_comes(pieces: list[str]) -> None:
    """Looked at after each piece, what is given holds neither the secret nor a large part of it."""
    lines = OutputLines(Secrets(["hunter22"]))
    given: list[str] = []
    for piece in pieces:
        given += [*lines.feed(piece.encode()), *lines.so_far()]
    given += lines.finish()
    assert "hunter2" not in "".join(given).replace("hunter2 ", "").replace("hunter2\r", "") or (
        "hunter22" not in "".join(pieces)
    )
    assert "hunter22" not in "".join(given)


@pytest.mark.parametrize("sign", ["\x1b", "\x1b]", "\x1b[", "\x90", "\x9b", "\x9b0", "\x9d"])
@pytest.mark.parametrize("end", ["\x07", "\x9c", "x", ""])
def test_no_line_takes_long(sign: str, end: str) -> None:
    """However often it begins what it does not end."""

    def read() -> None:
        lines = OutputLines()
        lines.feed((sign * ((RAW_LIMIT - 4) // len(sign.encode())) + end).encode())
        lines.so_far()
        lines.finish()

    quickly(read, within=2 * INPUT)
