"""Output lines are what a process writes, as people can read it: secrets masked, and of all escape
sequences only those of colours. Pure.

Each line says its own colours, as if none were before it: whoever shows a part of the output needs
no other part. A colour that stands inside a secret does not hide the secret from the mask.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from baton.text.sgr import PLAIN, StyledLine, StyledPiece, styled

RAW_LIMIT = 65_536
"""Bytes of one line that are kept while it is put together."""
LINE_LIMIT = 4_000
"""Characters of one line that are shown. Colours do not count: see MOST_COLOUR."""
MASK = "•••"
SHORTEST_SECRET = 4
"""Shorter values are not masked: they would blot out half of the output and protect nothing."""

_OPEN_ESCAPE = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    # none of the signs that begin it may stand within: each would be tried to the end of the line
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*\x1b?|\x1b[ -/]*)$"
)
"""The beginning of an escape sequence."""
_UNBROKEN = re.compile(r"[^\s@\"'<>]{0,603}")
"""What may stand within an address, before its password ends."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


_LOGIN = re.compile(
    r"(?P<before>://[^\s/@:\"'<>]{0,200}+:)(?!\d{1,5}/)(?P<password>[^\s@\"'<>]{1,300}+)@"
    r"|(?<=://)(?P<token>[A-Za-z0-9_-]{16,300}+)@"
)
"""A password, or a token, in an address of whomever. A port and a path with an `@` is none. What
comes before the `@` holds none, so nothing is tried again where it is missing (possessive)."""


class Secrets:
    """Secrets are values that must not be shown, and the passwords in all addresses."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        lines = {line.strip() for value in values for line in value.splitlines()}
        known = sorted((v for v in lines if len(v) >= SHORTEST_SECRET), key=len, reverse=True)
        self._known = known
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def mask(self, text: str) -> str:
        """Return `text` with every secret in it replaced by `•••`."""
        if self._pattern:
            text = self._pattern.sub(MASK, text)
        return _LOGIN.sub(_without, text) if "://" in text else text

    def mask_line(self, line: StyledLine) -> None:
        """Replace every secret in `line`, whatever colours stand in it."""
        if self._pattern:
            line.replace(self._pattern, lambda found: MASK)
        if "://" in line.text:
            line.replace(_LOGIN, _without)

    def settled(self, text: str) -> str:
        """Return `text` without its end, as far as that may be the beginning of a secret."""
        text = text[: len(text) - self._begun(text)]
        # read backwards: from each `://` forwards, many of them would be read again and again
        unbroken = _UNBROKEN.match(text[:-700:-1])
        address = text.find("://", len(text) - (unbroken.end() if unbroken else 0))
        return text[:address] if address >= 0 else text

    def _begun(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a secret."""
        most = min(len(text), max(map(len, self._known), default=1) - 1)
        ends = (length for length in range(most, 0, -1))
        return next(
            (n for n in ends if any(len(v) > n and v.startswith(text[-n:]) for v in self._known)), 0
        )


def _without(login: re.Match[str]) -> str:
    return f"{login['before'] or ''}{MASK}@"


class OutputLines:
    """This puts lines together from pieces of output.

    A lone carriage return starts the line anew, as on a terminal, so that the last state of a
    progress bar is kept. What is not UTF-8 becomes `�`.
    """

    def __init__(self, secrets: Secrets | None = None, *, colours: bool = True) -> None:
        self._secrets = secrets or Secrets()
        self._colours = colours
        self._line = bytearray()
        self._cut = 0
        self._returned = False
        self._shown = ""
        self._style = PLAIN
        """The colour in which the line begins."""
        self.last = ""
        """The last line that was not blank, without colours."""

    @property
    def unfinished(self) -> bool:
        """Return whether a line has begun whose end has not come."""
        return bool(self._line)

    def so_far(self) -> list[str]:
        """Return what of the unfinished line was not returned yet: a bar, a question.

        What may be the beginning of a secret waits. What is returned here is not returned again
        when the line ends.
        """
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(self._line))
        line = self._read(_OPEN_ESCAPE.sub("", text))
        line.cut(len(self._secrets.settled(line.text)))
        self._secrets.mask_line(line)
        text = line.text[:LINE_LIMIT]
        begin = self._seen(text)
        if not text[begin:].strip():
            return []
        self._shown = text
        return [self._written(line, begin, LINE_LIMIT)]

    def _seen(self, text: str) -> int:
        """How many characters of `text`, the line as it is now, were given already."""
        known = self._shown and text.startswith(self._shown.rstrip())
        return min(len(self._shown), len(text)) if known else 0

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that `data` completes."""
        *whole, rest = data.split(b"\n")
        lines = []
        for part in whole:
            self._extend(part)
            lines += self._take()
        self._extend(rest)
        return lines

    def finish(self) -> list[str]:
        """Return what is left when the output has ended without a line end."""
        return self._take() if self._line else []

    def _extend(self, part: bytes) -> None:
        for number, piece in enumerate(part.split(b"\r")):
            self._returned = self._returned or number > 0
            if not piece:
                continue
            if self._returned:
                self._read(self._line.decode("utf-8", "replace"), ends=True)
                self._begin_anew()
            room = RAW_LIMIT - len(self._line)
            self._line += piece[:room]
            self._cut += max(len(piece) - room, 0)

    def _take(self) -> list[str]:
        line = self._read(self._line.decode("utf-8", "replace"), ends=True)
        self._secrets.mask_line(line)
        text = line.text.rstrip()
        begin, end = self._seen(text[:LINE_LIMIT]), min(len(text), LINE_LIMIT)
        cut = self._cut + len(text) - end
        more = f"… ({cut} more characters in this line)" if cut else ""
        given = self._written(line, begin, end) + more
        new = [] if self._shown and not (text[begin:end] + more).strip() else [given]
        self._begin_anew()
        if text:
            self.last = text[:end] + more
        return new

    def _begin_anew(self) -> None:
        self._line.clear()
        self._cut, self._returned, self._shown = 0, False, ""

    def _read(self, text: str, *, ends: bool = False) -> StyledLine:
        """The line that `text` shows. If it `ends`, the next one begins in the style of its end."""
        pieces, style = styled(text, self._style)
        if ends:
            self._style = style
        shown = (StyledPiece(piece.style, _CONTROLS.sub("", piece.text)) for piece in pieces)
        return StyledLine([piece for piece in shown if piece.text])

    def _written(self, line: StyledLine, begin: int, end: int) -> str:
        return line.written(begin, end) if self._colours else line.text[begin:end]
