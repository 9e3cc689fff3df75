"""Regular expressions that people write, on RE2: Alertmanager's dialect, in linear time. Pure.

The only importer of re2. The size of an expression is limited so that a value of 4 KB takes some
milliseconds at most: RE2's time grows with the size of the compiled program, and the limits below
were measured (some 12 us for one step of the program on 4 KB, in the worst case).
"""

from __future__ import annotations

import re

import re2

MAX_BYTES = 4096
"""Bytes of an expression, at most."""
_MEMORY = 1 << 20
"""Bytes that RE2 may use for one expression, its automaton included."""
_STEPS = 600
"""Steps of the compiled program, whatever it does."""
_LIST_STEPS = 5000
"""... of a plain list of alternatives, `web-1|web-2|...`: each is left behind as it is passed."""
_CLASS_STEPS, _CLASS_PLACES = 1500, 40
"""... of one with large classes, such as `\\pL`, in few places: it has few states."""
_REPEATED = re.compile(r"[*+?{]")


class InvalidRegex(ValueError):
    """Says why an expression cannot be used, in words that follow a colon."""


class Regex:
    """An expression that must match a whole value, as in Alertmanager.

    Raises InvalidRegex if `text` is not valid or too large.
    """

    __slots__ = ("_compiled", "steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled = _compiled(text)
        steps: int = self._compiled.programsize
        self.steps = steps if steps <= _STEPS else steps // 8
        """The cost of a match in the worst case, in steps of an ordinary program."""

    def matches(self, value: str) -> bool:
        """Whether it matches the whole of `value`."""
        # lone surrogates have no UTF-8
        return self._compiled.fullmatch(value.encode(errors="replace")) is not None


def _compiled(text: str) -> re2._Regexp:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InvalidRegex("it contains invalid Unicode") from None
    if len(data) > MAX_BYTES:
        raise InvalidRegex(f"it is longer than {MAX_BYTES} bytes")
    compiled = _by_re2(data, _options())
    steps: int = compiled.programsize
    if steps > _STEPS and not _harmless(data, steps):
        raise InvalidRegex(
            f"it is too large ({steps} steps, at most {_STEPS}): use fewer or shorter repetitions"
        )
    return compiled


def _harmless(data: bytes, steps: int) -> bool:
    """Whether a large program is fast all the same."""
    if not _REPEATED.search(data.decode()) and data.count(b"(") <= 2:
        return steps <= _LIST_STEPS
    if steps > _CLASS_STEPS:
        return False
    options = _options()
    options.encoding = re2.Options.Encoding.LATIN1
    places: int = _by_re2(data, options).programsize
    return places <= _CLASS_PLACES


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False  # they would go to stderr
    options.never_capture = True
    return options


def _by_re2(data: bytes, options: re2.Options) -> re2._Regexp:
    try:
        return re2.compile(data, options)
    except re2.error as error:
        raise InvalidRegex(_reason(error)) from None


def _reason(error: Exception) -> str:
    found = error.args[0] if error.args else ""
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)
