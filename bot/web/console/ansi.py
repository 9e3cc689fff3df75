"""Text with colours (SGR) as spans for a page: the class of each, and its text. Pure.

There is a class for each of the 16 colours that terminals name, so that a page can choose them for
light and dark: `f0` to `f15` for text and `b0` to `b15` for the ground. The 256 colours and true
colour are shown as the nearest of these. Reversed text has them exchanged: `fr` is the usual
colour of the ground, for text, and `br` that of text, for the ground.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from baton.text.printable import printable, without_escapes
from baton.text.sgr import PLAIN, Style, styled

Spans = list[tuple[str, str]]
"""Classes, separated by spaces, and the text that has them."""

_TAB: Final = "    "
# xterm's colours: what programs expect these numbers to look like
_NAMED: Final = tuple(
    (0xFF & rgb >> 16, 0xFF & rgb >> 8, 0xFF & rgb)
    for rgb in (
        *(0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5),
        *(0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF),
    )
)
_LEVELS: Final = (0, 95, 135, 175, 215, 255)


def spans(line: str, style: Style = PLAIN) -> tuple[Spans, Style]:
    """Return one line in spans, and the style in which what follows it begins.

    `style` is the one in which it begins itself: that of the end of what stands before it, PLAIN at
    the beginning of the output. All other escape sequences and what nobody sees are left out.
    """
    pieces, style = styled(line, style)
    made = ((classes(piece.style), shown(piece.text)) for piece in pieces)
    return [span for span in made if span[1]], style


def plain(line: str) -> str:
    """Return one line as `spans` shows it, without colours."""
    return shown(without_escapes(line))


def shown(text: str) -> str:
    """Return text without escape sequences as a page shows it."""
    return printable(text.replace("\t", _TAB))


@lru_cache(maxsize=1024)
def classes(style: Style) -> str:
    """Return the classes that show `style`, separated by spaces; empty for plain text."""
    names = [name for name in ("bold", "dim", "italic", "underline") if getattr(style, name)]
    colour, ground = _number(style.colour), _number(style.ground)
    if style.reverse:
        colour, ground = ground or "r", colour or "r"
    names += [f"f{colour}"] if colour else []
    names += [f"b{ground}"] if ground else []
    return " ".join(names)


def _number(colour: str) -> str:
    return str(_nearest(colour)) if colour else ""


def _nearest(colour: str) -> int:
    """The number of the named colour that is nearest to `colour`."""
    first, *rest = (int(number) for number in colour.split(";"))
    if not rest:
        return first - 30 if first < 90 else first - 82
    if rest[0] == 5 and rest[1] < 16:
        return rest[1]
    red, green, blue = _of_256(rest[1]) if rest[0] == 5 else rest[1:]
    return min(
        range(16),
        key=lambda at: sum(
            (one - other) ** 2 for one, other in zip(_NAMED[at], (red, green, blue), strict=True)
        ),
    )


def _of_256(number: int) -> tuple[int, int, int]:
    """The colour of a number from 16: a cube of six levels, and then 24 greys."""
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return grey, grey, grey
    red, rest = divmod(number - 16, 36)
    green, blue = divmod(rest, 6)
    return _LEVELS[red], _LEVELS[green], _LEVELS[blue]
