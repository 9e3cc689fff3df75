"""Output lines are what a process writes, as people can read it: no colours, secrets masked.
Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from baton.text.printable import without_escapes

RAW_LIMIT = 65_536
"""Bytes of one line that are kept while it is put together."""
LINE_LIMIT = 4_000
"""Characters of one line that are shown."""
MASK = "•••"
SHORTEST_SECRET = 4
"""Shorter values are not masked: they would blot out half of the output and protect nothing."""

_OPEN_ESCAPE = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    # none of the signs that begin it may stand within: each would be tried to the end of the line
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*\x1b?|\x1b[ -/]*)$"
)
"""The beginning of what `without_escapes` leaves out."""
_UNBROKEN = re.compile(r"[^\s@\"'<>]{0,603}")
"""What may stand within an address, before its password ends."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


_LOGIN = re.compile(
    r"(?P<before>://[^\s/@:\"'<>]{0,200}:)(?!\d{1,5}/)(?P<password>[^\s@\"'<>]{1,300})@"
    r"|(?<=://)(?P<token>[A-Za-z0-9_-]{16,300})@"
)
"""A password, or a token, in an address of whomever. A port and a path with an `@` is none."""


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

    def __init__(self, secrets: Secrets | None = None) -> None:
        self._secrets = secrets or Secrets()
        self._line = bytearray()
        self._cut = 0
        self._returned = False
        self._shown = ""
        self.last = ""
        """The last line that was not blank."""

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
        text = _CONTROLS.sub("", without_escapes(_OPEN_ESCAPE.sub("", text)))
        text = self._secrets.mask(self._secrets.settled(text))[:LINE_LIMIT]
        new = self._unseen(text)
        if not new.strip():
            return []
        self._shown = text
        return [new]

    def _unseen(self, text: str) -> str:
        """What of `text`, the line as it is now, was not given yet."""
        if self._shown and text.startswith(self._shown.rstrip()):
            return text[len(self._shown) :]
        return text

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
                self._line.clear()
                self._cut, self._returned, self._shown = 0, False, ""
            room = RAW_LIMIT - len(self._line)
            self._line += piece[:room]
            self._cut += max(len(piece) - room, 0)

    def _take(self) -> list[str]:
        text = self._line.decode("utf-8", "replace")
        text = self._secrets.mask(_CONTROLS.sub("", without_escapes(text))).rstrip()
        cut = self._cut + max(len(text) - LINE_LIMIT, 0)
        if cut:
            text = f"{text[:LINE_LIMIT]}… ({cut} more characters in this line)"
        new = [] if self._shown and not self._unseen(text).strip() else [self._unseen(text)]
        self._line.clear()
        self._cut, self._returned, self._shown = 0, False, ""
        if text:
            self.last = text
        return new
