"""Text of others, made safe to show on a terminal, in a log, in a table or in a post. Pure.

What servers, senders and people sent may hold escape sequences that set a title or fill the
clipboard, line ends that forge a second line, and marks that turn what stands beside them around.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements (ECMA-48, 5.4)
    # OSC and other strings: titles, links, the clipboard
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_MOST_LEARNED = 20_000
_BLANKS = frozenset(("Zs", "Zl", "Zp"))
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
"""General categories (Unicode, UAX 44) of control and format characters (bidi and zero-width marks
among them), lone surrogates, and code points that mean nothing to others."""


def printable(text: str, *, lines: bool = False) -> str:
    """`text` as one line without anything that a terminal, a log or a chat would obey.

    Escape sequences and characters that cannot be seen are left out; each line end, tab and
    unusual space becomes a plain space. With `lines`, line ends stay as they are.
    """
    seen = text.replace("\n", "") if lines else text
    if seen.isascii() and (seen.isprintable() or not seen):
        return text
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    return text.translate(_LINES if lines else _LINE)


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
    return None if category in _UNSEEN else character
