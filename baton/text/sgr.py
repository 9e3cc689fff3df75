"""The colours that programs give their text (SGR: ECMA-48, 8.3.117) are told from the text. Pure.

All other escape sequences are left out. Every function takes time in proportion to the length of
the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from baton.text.printable import ESCAPES, without_escapes

_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]{0,100})m")
_BASIC = {*range(30, 38), *range(90, 98)}
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}
_UNDERLINE_COLOUR = 58
MOST_COLOUR = 3_500
"""Characters that the colours of one line may take; what follows in the line is plain."""


class Style(NamedTuple):
    """How text looks. A colour is the SGR parameter of a text colour (`31`, `38;5;208` or
    `38;2;255;135;0`), for the ground too; empty is the usual one."""

    colour: str = ""
    ground: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Style()


class StyledPiece(NamedTuple):
    """Text of one style."""

    style: Style
    text: str


def styled(text: str, style: Style = PLAIN) -> tuple[list[StyledPiece], Style]:
    """Return `text` in pieces of one style each, without escape sequences, and the style in which
    what follows it begins. `style` is the one in which it begins itself."""
    if "\x1b" not in text and "\x9b" not in text:
        whole = without_escapes(text)
        return ([StyledPiece(style, whole)] if whole else []), style
    pieces: list[StyledPiece] = []
    at = 0
    for escape in ESCAPES.finditer(text):
        if at < escape.start():
            _add(pieces, style, text[at : escape.start()])
        at = escape.end()
        if sgr := _SGR.fullmatch(escape[0]):
            style = _changed(style, sgr[1])
    if at < len(text):
        _add(pieces, style, text[at:])
    return pieces, style


def _add(pieces: list[StyledPiece], style: Style, text: str) -> None:
    """Add `text`; to the last piece if it looks like that."""
    if pieces and pieces[-1].style == style:
        text = pieces.pop().text + text
    pieces.append(StyledPiece(style, text))


def _changed(style: Style, parameters: str) -> Style:
    numbers = _numbers(parameters)
    for number in numbers:
        if number == 0:
            style = PLAIN
        elif number in _ON:
            style = _attribute(style, (_ON[number],), True)
        elif number in _OFF:
            style = _attribute(style, _OFF[number], False)
        elif number in (38, 48):
            colour = _extended(numbers)
            if colour:
                style = _coloured(style, colour, number == 48)
        elif number == _UNDERLINE_COLOUR:
            _extended(numbers)
        elif number in (39, 49):
            style = _coloured(style, "", number == 49)
        elif number in _BASIC or number - 10 in _BASIC:
            ground = number not in _BASIC
            style = _coloured(style, str(number - 10 if ground else number), ground)
    return style


def _attribute(style: Style, names: Sequence[str], on: bool) -> Style:
    changes: dict[str, Any] = dict.fromkeys(names, on)
    return style._replace(**changes)


def _coloured(style: Style, colour: str, ground: bool) -> Style:
    return style._replace(ground=colour) if ground else style._replace(colour=colour)


def _numbers(parameters: str) -> Iterator[int]:
    """The numbers of a sequence; one that is left out is 0. Those that colons join are one
    attribute (ISO 8613-6): `38:2::R:G:B` names a colour space, mostly none, and `4:0` no line."""
    for group in parameters.split(";"):
        first, *others = (int(part or 0) for part in group.split(":"))
        if first == 4 and others[:1] == [0]:
            yield 24
        elif first in (38, 48, _UNDERLINE_COLOUR):
            yield first
            yield from others[:1] + others[2:] if len(others) > 4 and others[0] == 2 else others
        else:
            yield first


def _extended(numbers: Iterator[int]) -> str:
    """The colour that follows 38, 48 or 58; empty if it is none."""
    kind = next(numbers, -1)
    values = [next(numbers, -1) for _ in range({5: 1, 2: 3}.get(kind, 0))]
    if not values or not all(0 <= value <= 255 for value in values):
        return ""
    return ";".join(map(str, (38, kind, *values)))


def sgr(style: Style) -> str:
    """Return the sequence after which text has `style`, whatever it had before."""
    numbers = ["0"] + [str(number) for number, name in _ON.items() if getattr(style, name)]
    numbers += [style.colour] if style.colour else []
    if style.ground:
        first, *rest = style.ground.split(";")
        numbers += [str(int(first) + 10), *rest]
    return f"\x1b[{';'.join(numbers)}m"


class StyledLine:
    """One line of text and its colours: the text is read and changed as if there were none, and the
    colours stay where they are.

    `marks` are the places in `text` from which on it has another style.
    """

    def __init__(self, pieces: list[StyledPiece]) -> None:
        self.marks: list[tuple[int, Style]] = []
        size = 0
        for style, text in pieces:
            self.marks.append((size, style))
            size += len(text)
        self.text = "".join(piece.text for piece in pieces)

    def cut(self, size: int) -> None:
        """Keep the first `size` characters."""
        self.text = self.text[:size]

    def replace(self, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> None:
        """Replace each match of `pattern`. A colour that begins in it begins behind it."""
        parts: list[str] = []
        marks: list[tuple[int, Style]] = []
        at = size = mark = 0
        for match in pattern.finditer(self.text):
            while mark < len(self.marks) and self.marks[mark][0] <= match.start():
                marks.append((self.marks[mark][0] - at + size, self.marks[mark][1]))
                mark += 1
            parts += [self.text[at : match.start()], by(match)]
            size += match.start() - at + len(parts[-1])
            at = match.end()
            while mark < len(self.marks) and self.marks[mark][0] < at:
                marks.append((size, self.marks[mark][1]))
                mark += 1
        marks += [(place - at + size, style) for place, style in self.marks[mark:]]
        self.text, self.marks = "".join(parts) + self.text[at:], marks

    def written(self, begin: int = 0, end: int | None = None) -> str:
        """Return a part of the line, with its colours: it begins and ends plain, so that it can be
        shown without the lines before it."""
        end = len(self.text) if end is None else min(end, len(self.text))
        parts: list[str] = []
        style, room = PLAIN, MOST_COLOUR
        for at, (place, wanted) in enumerate(self.marks):
            first = max(place, begin)
            last = min(self.marks[at + 1][0] if at + 1 < len(self.marks) else end, end)
            if first >= last:
                continue
            sequence = sgr(wanted) if wanted != style else ""
            if len(sequence) > room:
                wanted, sequence = PLAIN, sgr(PLAIN) if style != PLAIN else ""
            room -= len(sequence)
            style = wanted
            parts += [sequence, self.text[first:last]]
        return "".join(parts) + (sgr(PLAIN) if style != PLAIN else "")
