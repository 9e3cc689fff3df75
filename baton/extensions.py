"""Finding what can be asked: entry points of the group `baton.commands`, our own and others'."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

from baton.command import Command
from baton.consumer import Extension
from baton.errors import ExtensionError, UsageError
from baton.words import cited, did_you_mean, split, unmarked

GROUP = "baton.commands"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # as baton.fields.Name: it travels as one


class Commands(Mapping[str, Extension]):
    """Everything that can be asked, by name."""

    def __init__(self, extensions: Sequence[Extension]) -> None:
        self._by_name: dict[str, Extension] = {}
        for extension in extensions:
            name = extension.command.name
            if not _NAME.fullmatch(name):
                raise ExtensionError(
                    name=repr(name[:64]),
                    reason="the name of a command is made of letters, digits, - and _",
                )
            if name in self._by_name:
                raise ExtensionError(
                    name=name, reason="another extension has a command of that name"
                )
            self._by_name[name] = extension

    def __getitem__(self, name: str) -> Extension:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def parse(self, text: str) -> Command:
        """The command that `text` (`deploy shop prod`, with or without a slash) asks for.

        Raises UsageError if there is no such command or its words will not do.
        """
        text = unmarked(text)
        try:
            words = split(text)
        except UsageError as error:
            usage = self._usage_of(text.partition(" ")[0])
            raise UsageError(error.problem, usage, error.field) from None
        if not words:
            raise UsageError("Nothing was asked.", f"Known are {', '.join(sorted(self))}.")
        name = words[0].removeprefix("/").lower()
        if name not in self:
            hint = did_you_mean(name, self)
            raise UsageError(
                f"There is no command {cited(name)}.{hint}", f"Known are {', '.join(sorted(self))}."
            )
        return self[name].command.from_words(words[1:])

    def _usage_of(self, word: str) -> str:
        extension = self._by_name.get(word.removeprefix("/").lower())
        return f"Usage: {extension.command.usage()}" if extension else ""


def installed() -> Commands:
    """The commands of every installed distribution.

    Raises ExtensionError if one cannot be loaded, is no Extension, or has another's name.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return Commands([_loaded(point) for point in found])


def _loaded(point: EntryPoint) -> Extension:
    try:
        extension = point.load()
    except Exception as error:  # it is somebody else's code: whatever goes wrong, say whose
        raise ExtensionError(
            name=point.name,
            reason=f"{point.value} does not load ({type(error).__name__}: {error})",
        ) from error
    if not isinstance(extension, Extension):
        raise ExtensionError(name=point.name, reason=f"{point.value} is not a baton.Extension")
    return extension
