"""Text is found in columns whatever the case of its letters is, in both databases alike.

The databases fold the case of ASCII letters alone in the same way. So they find candidates, by the
longest part of the words that is ASCII, and `holds` decides.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from baton.text.printable import without_escapes
from bot.store.database.column_types import Words

ESCAPE = "\x1b"
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_MOST_LEARNED = 20_000
_BEGINNING, _FREQUENT = 20_000, 3
"""Where the beginning of a text has the words in every third line, lines are looked at one by one:
else, to go from one place with the words to the next is the faster way."""
_ASCII = re.compile(r"[\x00-\x7f]+")


class _Folds(dict[int, str]):
    """What each character becomes, learned as they come. The length of a text stays, and no
    character becomes an ASCII letter that is none: so what is found in the database is enough."""

    def __missing__(self, code: int) -> str:
        lower = chr(code).lower()
        same = len(lower) != 1 or (code > 127 and lower.isascii())
        found = chr(code) if same else lower
        if len(self) < _MOST_LEARNED:
            self[code] = found
        return found


_FOLDS = _Folds()


def folded(text: str) -> str:
    """Return `text` in lower case, character by character."""
    return text.lower() if text.isascii() else text.translate(_FOLDS)


class _Condition(FunctionElement[bool]):
    """A condition on a column, written for each database."""

    type = Boolean()
    sqlite = postgresql = ""


class _Contains(_Condition):
    inherit_cache = True
    sqlite = "instr({}, {}) > 0"
    postgresql = "strpos({}, {}) > 0"


class _ContainsFolded(_Condition):
    inherit_cache = True
    sqlite = "instr(lower({}), {}) > 0"
    # by the rules of a locale it would take ten times as long, and find something else
    postgresql = 'strpos(lower({} COLLATE "C"), {}) > 0'


class _NotAscii(_Condition):
    inherit_cache = True
    sqlite = "length(CAST({0} AS BLOB)) > length({0})"
    postgresql = "octet_length({0}) > length({0})"


@compiles(_Condition, "sqlite")
def _(element: _Condition, compiler: SQLCompiler, **options: Any) -> str:
    return element.sqlite.format(*(compiler.process(one, **options) for one in element.clauses))


@compiles(_Condition, "postgresql")
def _(element: _Condition, compiler: SQLCompiler, **options: Any) -> str:
    return element.postgresql.format(*(compiler.process(one, **options) for one in element.clauses))


def contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """That `column` contains `text`, as it is."""
    return _Contains(column, literal(text, Words()))


def has_name(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """That `column`, which has one name or several (`prod, staging`), has `name`."""
    return contains(literal(", ").concat(column).concat(", "), f", {name}, ")


def may_hold(column: ColumnElement[Any], words: str) -> ColumnElement[bool]:
    """That `column` may hold `words` (`holds`): true wherever it does, but where escape sequences
    stand between the letters. `words` is not empty."""
    part = max(_ASCII.findall(folded(words)), key=len, default="")
    return _ContainsFolded(column, literal(part, Words())) if part else _NotAscii(column)


def holds(text: str, words: str) -> bool:
    """Return whether one line contains `words`, which is folded, in any case of its letters.
    Escape sequences do not count."""
    return words in folded(_plain(text))


def count_lines(text: str, words: str) -> int:
    """Return how many lines of `text` hold `words` (`holds`), which is folded and on one line."""
    if ESCAPE in text:
        plain = _COLOUR.sub("", text)
        # another sequence may have no end: it hides no more than its line
        text = "\n".join(map(_plain, text.split("\n"))) if ESCAPE in plain else plain
    text = folded(text)
    beginning = text[:_BEGINNING]
    if beginning.count(words) > beginning.count("\n") // _FREQUENT:
        return sum([words in line for line in text.split("\n")])
    count, at = 0, text.find(words)
    while at >= 0:
        count += 1
        end = text.find("\n", at)
        at = text.find(words, end) if end >= 0 else -1
    return count


def _plain(line: str) -> str:
    return without_escapes(line) if ESCAPE in line else line
