"""Text of others is made safe to show on a terminal, in a log, in a table or in a post. Pure.

What servers, senders and people sent may hold escape sequences that set a title or fill the
clipboard, line ends that forge a second line, and marks that reverse the text beside them.
"""

from __future__ import annotations

import re
import unicodedata

ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements (ECMA-48, 5.4)
    # OSC and other strings: titles, links, the clipboard
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b"  # the beginning of a CSI that was broken off: what follows must not complete it
)
"""Escape sequences: what `without_escapes` leaves out."""
_MOST_LEARNED = 20_000
_BLANKS = frozenset(("Zs", "Zl", "Zp"))
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
"""General categories (Unicode, UAX 44) of control and format characters (bidi and zero-width marks
among them), lone surrogates, and code points that mean nothing to others."""
VARIATIONS = frozenset(map(chr, range(0xFE00, 0xFE10)))
"""Variation selectors: they choose between the looks of what stands before them, as of an emoji."""
FILLERS = frozenset(
    chr(code)
    for part in (
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180F, 0x3164, 0xFFA0),
        range(0x180B, 0x180E),
        range(0xE0100, 0xE01F0),
    )
    for code in part
)
"""Letters and marks that nobody sees either (Default_Ignorable_Code_Point in Unicode's
DerivedCoreProperties, beside the categories above): Hangul fillers, joiners, selectors."""


def printable(text: str, *, lines: bool = False) -> str:
    """Return `text` as one line without anything that a terminal, a log or a chat would interpret.

    Escape sequences and characters that cannot be seen are left out; each line end, tab and unusual
    space becomes a plain space. With `lines`, line ends stay as they are.
    """
    seen = text.replace("\n", "") if lines else text
    if seen.isascii() and (seen.isprintable() or not seen):
        return text
    text = without_escapes(text).replace("\r\n", "\n")
    return text.translate(_LINES if lines else _LINE)


def without_escapes(text: str) -> str:
    """Return `text` without escape sequences: colours, titles, links."""
    return ESCAPES.sub("", text)


class _Table(dict[int, str | None]):
    """What each character is shown as, learned as they come."""

    def __init__(self, end: str) -> None:
        super().__init__({ord("\n"): end})

    def __missing__(self, code: int) -> str | None:
        shown = _shown(chr(code))
        if len(self) < _MOST_LEARNED:
            self[code] = shown
        return shown


_LINE, _LINES = _Table(" "), _Table("\n")


def _shown(character: str) -> str | None:
    if character in "\t\r\v\f\x85":
        return " "
    category = unicodedata.category(character)
    if category in _BLANKS:
        return " "
    return None if category in _UNSEEN or character in FILLERS else character
