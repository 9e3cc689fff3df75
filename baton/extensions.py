"""Extensions are found here: entry points of the group `baton.commands`, our own and others'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import structlog
from pydantic import BaseModel

from baton.command import Command, words_of
from baton.consumer import Consumer, Extension
from baton.entry_points import Installed, look, reasons, refuse_or_log
from baton.errors import BatonError, ExtensionError, UsageError
from baton.shadowing import require_own
from baton.text.words import cited, did_you_mean, split, unmarked

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # as baton.fields.Name: it travels as one


class Commands(Mapping[str, Extension]):
    """The commands are everything that people can request, by name.

    `broken` names the installed extensions that are not loaded, each with the reason: whoever
    requests one reads it.
    """

    def __init__(
        self,
        extensions: Sequence[Extension],
        broken: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.broken = dict(broken)
        self._by_name: dict[str, Extension] = {}
        for extension in extensions:
            _check(extension)
            name = extension.command.name
            if name in self._by_name:
                raise ExtensionError(
                    name=name, reason="another extension has a command of that name"
                )
            self._by_name[name] = extension

    def by_name(self) -> Mapping[str, Extension]:
        """Return what can be requested at this moment."""
        return self._by_name

    def __getitem__(self, name: str) -> Extension:
        return self.by_name()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name())

    def __len__(self) -> int:
        return len(self.by_name())

    def parse(self, text: str) -> Command:
        """Return the command that `text` (`deploy shop prod`, with or without a slash) requests.

        Raises UsageError if there is no such command or its arguments are invalid.
        """
        text = unmarked(text)
        try:
            words = split(text)
        except UsageError as error:
            usage = self._usage_of(text.partition(" ")[0])
            raise UsageError(error.problem, usage, error.field) from None
        return self.from_words(words)

    def from_words(self, words: Sequence[str]) -> Command:
        """Return the command that `words`, the first of which is its name, request. Raises
        UsageError."""
        command, rest = self.named(words)
        return _made(command.name, lambda: command.from_words(rest))

    def named(self, words: Sequence[str]) -> tuple[type[Command], Sequence[str]]:
        """Return the command that `words` begin with the name of, and the words after that.

        Raises UsageError if there is none.
        """
        if not words:
            raise UsageError("No command was given.", f"Commands: {', '.join(sorted(self))}.")
        return self[self._known(words[0])].command, words[1:]

    def build(self, name: str, arguments: Mapping[str, object]) -> Command:
        """Return the command `name` with the `arguments` that a form or a program gives, by the
        names of its fields.

        Raises UsageError as `parse` does.
        """
        name = self._known(name)
        command = _made(name, lambda: self[name].command.from_arguments(arguments))
        typed = self.parse(words_of(command))
        for field in type(command).model_fields:
            if getattr(typed, field) != getattr(command, field):
                problem = f"The field “{field}” holds characters that cannot be typed in a command."
                raise UsageError(problem, field=field)
        return command

    def _known(self, word: str) -> str:
        """Return the name of the command that `word` names. Raises UsageError."""
        name = word.removeprefix("/").lower()
        if name not in self and name in self.broken:
            raise UsageError(
                f"{cited(name)} is installed but cannot be used here: {self.broken[name]}. "
                "Nothing was done.",
                field="command",
            )
        if name not in self:
            hint = did_you_mean(name, self)
            raise UsageError(
                f"Unknown command {cited(name)}.{hint}",
                f"Commands: {', '.join(sorted(self))}.",
                "command",
            )
        return name

    def _usage_of(self, word: str) -> str:
        extension = self.get(word.removeprefix("/").lower())
        return f"Usage: {extension.command.usage()}" if extension else ""


def _made(name: str, make: Callable[[], Command]) -> Command:
    """Return the command that `make` makes. Raises UsageError."""
    try:
        return make()
    except BatonError:
        raise
    except Exception as error:
        # somebody else's code: a check of a field, a usage line
        log.exception("a command failed to read its arguments", command=name)
        raise UsageError(
            f"The command {cited(name)} itself failed ({type(error).__name__}). Nothing was "
            "done: report this to its maintainer."
        ) from error


def installed(*, strict: bool = False) -> Commands:
    """Return the commands of every installed distribution.

    One that cannot be loaded or used is left out and logged: another's extension must not stop
    deploys. Of several commands of one name ours is kept; if none is ours, none is kept, and the
    log and whoever requests it are told which distributions they came with.

    Raises PackageHidden if Python takes somebody else's folder `commands` for ours, and
    ExtensionsLeftOut if `strict` and one is left out.
    """
    found = installed_commands()
    refuse_or_log(found, strict=strict)
    return Commands([one.thing for one in found if one.thing and not one.reason], reasons(found))


def installed_commands() -> tuple[Installed[Extension], ...]:
    """Return each installed command, used or not. Raises PackageHidden."""
    require_own("commands")
    return look("command", _usable, lambda _, extension: extension.command.name)


def _usable(name: str, found: object) -> Extension:
    """Return `found` as an extension. Raises ExtensionError."""
    if not isinstance(found, Extension):
        raise ExtensionError(name=name, reason="what it names is not a baton.Extension")
    _check(found)
    return found


def _check(extension: Extension) -> None:
    """Check that it can be requested and its consumer set up. Raises ExtensionError."""
    # whatever its author wrote there
    command: Any = extension.command
    consumer: Any = extension.consumer
    name = getattr(command, "name", "")
    settings: Any = getattr(consumer, "settings_type", BaseModel)
    reason = ""
    if not _derives(command, Command):
        reason = "its command is not a class derived from baton.Command"
    elif not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = str(name)[:64]
        reason = f"{shown!r} is not a valid command name: letters, digits, - and _, 64 at most"
    elif consumer is not None and not _derives(consumer, Consumer):
        reason = "its consumer is not a class derived from baton.Consumer"
    elif not _derives(settings, BaseModel):
        reason = "its settings_type is not a class derived from pydantic.BaseModel"
    else:
        reason = _unsayable(command)
    if reason:
        raise ExtensionError(name=str(name)[:64], reason=reason)


def _unsayable(command: type[Command]) -> str:
    """Return why its help cannot be shown: whoever lists all commands reads the help of each."""
    try:
        said: list[Any] = [command.usage(), command.summary(), command.help(), command.example]
    except Exception as error:  # its author may have written these anew
        return f"its help cannot be made ({type(error).__name__}: {error})"
    return "" if all(isinstance(text, str) for text in said) else "its help is not text"


def _derives(found: Any, base: type) -> bool:
    return isinstance(found, type) and issubclass(found, base)
