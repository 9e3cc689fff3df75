"""Placeholders in the words of a command: `%ID`, `%args.month`. Pure.

A command is split into words once, when the configuration is read. What stands for a placeholder
never becomes a word more or less, is never looked at again, and never reaches a shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from pydantic import JsonValue

from baton.errors import Refused
from baton.text.words import nearest

BUILD = ("ID", "PACKAGE", "VERSION", "URI", "SUITE", "FORMAT", "DIST", "ARCH")
"""The placeholders that every runner has."""
_LONGEST = 32_768
"""Characters of a value, at most: a word of a command may have 128 KB (execve(2))."""

_PLACEHOLDER = re.compile(
    r"%(?:(?P<percent>%)|\{(?P<braced>[^{}]*)\}|(?P<argument>args\.[A-Za-z0-9_]+)"
    r"|(?P<plain>[A-Za-z]+))?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_READS_SCRIPTS = frozenset(
    ("ash", "bash", "csh", "dash", "fish", "ksh", "node", "perl", "python", "ruby", "sh", "zsh")
)
"""Programs that take a text of a program as a word."""
_SCRIPT = re.compile(r"-[A-Za-z]*[ceE]|--(eval|command|execute)")
_JOINS_WORDS = frozenset(("ssh", "rsh", "mosh", "su", "runuser", "watch", "parallel"))
"""Programs that hand their words to a shell, on this host or on another."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template is the words of a command in which placeholders may stand.

    Without `arguments` it is only split. `names` are what it uses.
    """

    words: tuple[str, ...]
    names: frozenset[str]

    @classmethod
    def parse(cls, text: str, arguments: Collection[str]) -> Template:
        """Return the template in `text`, for a runner that declares `arguments`.

        Raises ValueError that says what to write.
        """
        try:
            words = shlex.split(text)
        except ValueError as error:
            what = "a quote" if "quotation" in str(error) else "a backslash at its end"
            raise ValueError(f"a command whose quotes are closed: {what} is left open") from None
        if not words or not words[0]:
            raise ValueError("a program and its words, such as shell!html2pdf %ID.pdf")
        template = cls.of(words, arguments)
        if _names(words[0]):
            raise ValueError(
                "a command whose program is named here: a placeholder in its place would let"
                " whoever asks choose the program"
            )
        _check_shells(words)
        return template

    @classmethod
    def of(cls, words: Sequence[str], arguments: Collection[str]) -> Template:
        """Return the template of `words`. Raises ValueError for a placeholder that is unknown."""
        known = (*BUILD, *(f"args.{name}" for name in arguments))
        names: set[str] = set()
        for word in words:
            if "\0" in word:
                raise ValueError("a command without NUL characters")
            for name in _names(word):
                if name not in known:
                    raise ValueError(_unknown(word, name, known))
                names.add(name)
        return cls(tuple(words), frozenset(names))

    def filled(self, values: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Return the words with `values` in the places of the placeholders.

        Raises Refused if a value is missing, or would be taken for something else.
        """
        texts = {name: _text(name, values.get(name)) for name in self.names}
        filled: list[str] = []
        for word in self.words:
            new = _PLACEHOLDER.sub(lambda found: _replaced(found, texts), word)
            # what a program does with `--` is its own matter; almost all read no options after it
            if new.startswith("-") and _leads(word) and "--" not in self.words[: len(filled)]:
                name = _names(word)[0]
                raise Refused(
                    f"the value of %{name} begins with “-”, which {self.words[0]} could take for"
                    f" an option. If it knows “--”, write that before %{name} in the runner"
                )
            filled.append(new)
        return tuple(filled)


def _names(word: str) -> list[str]:
    """Return the names of the placeholders in `word`; empty texts for what is none."""
    found = [match for match in _PLACEHOLDER.finditer(word) if not match["percent"]]
    return [match["braced"] or match["argument"] or match["plain"] or "" for match in found]


def _leads(word: str) -> bool:
    """Return whether `word` begins with a placeholder, so that a value begins it."""
    found = _PLACEHOLDER.match(word)
    return found is not None and not found["percent"]


def _replaced(found: re.Match[str], texts: Mapping[str, str]) -> str:
    if found["percent"]:
        return "%"
    return texts[found["braced"] or found["argument"] or found["plain"]]


def _text(name: str, value: JsonValue) -> str:
    """Return `value` as a word of a command. Raises Refused."""
    if value is None:
        raise Refused(
            f"the request says nothing for %{name}, which the command of its runner needs"
        )
    if isinstance(value, list | dict):
        raise Refused(f"the value of %{name} is no text and no number: it cannot be a word")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if found := _CONTROL.search(text):
        raise Refused(
            f"the value of %{name} holds a line end or another control character"
            f" (U+{ord(found[0]):04X}): it cannot be a word of a command"
        )
    if len(text) > _LONGEST:
        raise Refused(f"the value of %{name} has {len(text):,} characters; at most {_LONGEST:,}")
    return text


def _unknown(word: str, name: str, known: Sequence[str]) -> str:
    """Return what must stand where `name` does."""
    every = ", ".join(f"%{one}" for one in known)
    shown = f"%{name}" if name else f"the % in {word!r}"
    beginning = next((one for one in known if name.startswith(one)), "")
    lower = {one.lower(): one for one in known}
    near = lower.get(nearest(name.lower(), lower) or "")
    hint = ""
    if beginning:
        hint = f" (write %{{{beginning}}}{name[len(beginning) :]} if %{beginning} is meant)"
    elif name and near:
        hint = f" (did you mean %{near}?)"
    return f"a command with no placeholders but {every}, and %% for a %: {shown} is none{hint}"


def _check_shells(words: Sequence[str]) -> None:
    """Refuse a placeholder where a shell would read its value as a program. Raises ValueError."""
    program = PurePosixPath(words[0]).name
    if program in _JOINS_WORDS and any(_names(word) for word in words[1:]):
        raise ValueError(
            f"a program that takes its words as they are: {program} hands them to a shell. Write"
            " a script on this server, and give it the values as words"
        )
    for at, word in enumerate(words):
        name = PurePosixPath(word).name.rstrip("0123456789.")
        if name not in _READS_SCRIPTS:
            continue
        rest = words[at + 1 :]
        if any(_SCRIPT.fullmatch(option) and _names(text) for option, text in pairwise(rest)):
            raise ValueError(
                f"a value in a word of its own: {name} would read it as a part of the program."
                """ Write for example: sh -c 'html2pdf "$1"' sh %ID"""
            )
