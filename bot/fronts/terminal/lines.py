"""Lines of styled text, progress bars and tables, as values that any screen can draw. Pure.

A style is a word (`good`, `bad`, `busy`, `quiet`, `strong`). It never carries a meaning alone: the
text says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from unicodedata import east_asian_width

from baton.bus.messages import State
from baton.outcome import Answer
from baton.text.printable import printable

Fragment = tuple[str, str]
"""A style, empty for none, and text."""
Line = tuple[Fragment, ...]

BAR = 20
"""Characters of a progress bar."""

_STYLES = {
    State.SUCCEEDED: "good",
    State.RUNNING: "busy",
    State.ACCEPTED: "busy",
    State.HELD: "warn",
    State.QUEUED: "quiet",
    State.SENT: "quiet",
    State.CANCELLED: "warn",
}
_SIGNS = {
    State.SUCCEEDED: "✓",
    State.FAILED: "✗",
    State.RUNNING: "▶",
    State.ACCEPTED: "▶",
    State.HELD: "‖",
    State.QUEUED: "…",
    State.SENT: "…",
    State.CANCELLED: "⊘",
    State.REFUSED: "⊘",
}


def state_of(state: State) -> str:
    """Return a state as a sign and a word: `✓ succeeded`."""
    return f"{_SIGNS.get(state, '!')} {state.value}"


def style_of(state: State) -> str:
    """Return the style for the word of a state."""
    return _STYLES.get(state, "bad")


def clean(text: str) -> str:
    """Return `text` without characters that move the cursor, change colours or reverse the
    direction of text."""
    return printable(text.replace("\t", "    "), lines=True)


def text_of(line: Line) -> str:
    """Return the text of a line, without styles."""
    return "".join(text for _, text in line).rstrip()


def line(text: str, style: str = "") -> Line:
    """Return `text` as a line of one style."""
    return ((style, clean(text)),)


def lines(text: str, style: str = "") -> list[Line]:
    """Return the lines of `text`."""
    return [line(row, style) for row in text.rstrip("\n").split("\n")]


def width(text: str) -> int:
    """Return the columns that `text` takes: East Asian wide characters take two (Unicode, UAX
    11)."""
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)


def padded(text: str, columns: int) -> str:
    """Return `text` padded with blanks to at least `columns`."""
    return text + " " * max(columns - width(text), 0)


def cut(line: Line, columns: int) -> Line:
    """Return at most `columns` of `line`, with an ellipsis where it was cut."""
    if sum(width(text) for _, text in line) <= columns:
        return line
    kept: list[Fragment] = []
    room = max(columns - 1, 0)
    for style, text in line:
        text = text[: _fitting(text, room)]
        kept.append((style, text))
        room -= width(text)
        if room <= 0:
            break
    return (*kept, ("quiet", "…"))


def wrapped(row: Line, columns: int) -> list[Line]:
    """Return `row` as lines of at most `columns`, broken at blanks where possible and indented
    like the first."""
    text = "".join(part for _, part in row)
    margin = min(len(text) - len(text.lstrip()), (columns - 1) // 2)
    left = [(style, character) for style, part in row for character in part]
    made: list[Line] = []
    begun = 0
    while True:
        kept = [("", " ")] * margin if made else []
        room = columns - len(kept)
        fits = begun + _fitting(text[begun : begun + room + 1], room)
        if fits == len(left):
            return [*made, _joined([*kept, *left[begun:]])]
        blank = text.rfind(" ", begun + 1 if made else margin + 1, fits + 1)
        end = blank if blank >= 0 else max(fits, begun + 1)
        made.append(_joined([*kept, *left[begun:end]]))
        begun = end + 1 if blank >= 0 else end


def _fitting(text: str, columns: int) -> int:
    """How many of its characters fit."""
    for at, character in enumerate(text[: columns + 1]):
        columns -= width(character)
        if columns < 0:
            return at
    return len(text)


def _joined(characters: Sequence[Fragment]) -> Line:
    return tuple(
        (style, "".join(character for _, character in group))
        for style, group in groupby(characters, key=lambda one: one[0])
    )


def bar(percent: int) -> Line:
    """Return a progress bar: `━━━━━━━━────── 60 %`."""
    full = round(min(max(percent, 0), 100) * BAR / 100)
    return (("busy", "━" * full), ("quiet", "─" * (BAR - full)), ("", f" {percent:>3} %"))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Line]:
    """Return a table with aligned columns and a quiet header."""
    cells = [[clean(cell).replace("\n", " ") for cell in row] for row in [columns, *rows]]
    widths = [max(width(row[at]) for row in cells) for at in range(len(columns))]
    laid = [
        "  ".join(padded(cell, columns) for cell, columns in zip(row, widths, strict=True))
        for row in cells
    ]
    return [line(f"  {row}".rstrip(), "" if number else "quiet") for number, row in enumerate(laid)]


def answer_lines(answer: Answer) -> list[Line]:
    """Return the lines of a whole answer."""
    shown = lines(answer.summary, "strong") if answer.summary else []
    if answer.rows:
        shown += table(answer.columns, answer.rows)
    if answer.document:
        shown += lines(answer.document)
    return shown
