"""What `baton new` is told, and the names that follow from it. Pure."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import baton
from baton.errors import BatonError
from baton.shadowing import OWN
from baton.version import DISTRIBUTION

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_COMMAND = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST = 32
"""Letters of a name at most: Slack takes no longer slash command."""
USED = frozenset({"tests", "src", "pytest", "mypy", "ruff", "pydantic", "pip", "setuptools"})
"""Names that a package may not have, since its own files or tools have them."""


class NameRefused(BatonError):
    """{what} cannot be called “{name}”: {reason}. Nothing was written."""

    permanent = True


@dataclass(frozen=True, slots=True)
class Answers:
    """The `name` of the package, its `command`, and the year of its licence."""

    name: str
    command: str
    year: int

    @property
    def package(self) -> str:
        """Return the name by which Python imports it."""
        return self.name.replace("-", "_")

    @property
    def type_name(self) -> str:
        """Return the name of the class of its command; those of the others begin with it."""
        name = "".join(part.capitalize() for part in re.split("[-_]", self.command))
        taken = name in baton.__all__ or hasattr(builtins, name) or name in ("Field", "Kit")
        return f"{name}Command" if taken else name

    def replacements(self) -> Mapping[str, str]:
        """Return what stands in a new package for each word of the template."""
        return {
            "new-package": self.name,
            "newpackage": self.package,
            "NewCommand": self.type_name,
            "newcommand": self.command,
            "(c) 0000": f"(c) {self.year}",
        }


def checked(answers: Answers, taken: Collection[str], installed: Mapping[str, str]) -> Answers:
    """Return `answers` if a package can be made of them.

    `taken` are the commands that Baton has; `installed` says for a package which distribution it
    came with. Raises NameRefused.
    """
    if reason := _wrong_name(answers, installed):
        raise NameRefused(what="A package", name=answers.name[:64], reason=reason)
    if reason := _wrong_command(answers.command, taken):
        raise NameRefused(what="A command", name=answers.command[:64], reason=reason)
    return answers


def _wrong_name(answers: Answers, installed: Mapping[str, str]) -> str:
    name, package = answers.name, answers.package
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        return f"use lower-case letters, digits and -, a letter first, {LONGEST} at most"
    if package in OWN or name == DISTRIBUTION:
        return "that is the name of a package of Baton's own"
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return "that is a word of Python's"
    if package in sys.stdlib_module_names:
        return "Python has a module of that name"
    if package in USED:
        return "its own files or tools have that name"
    if package in installed:
        return f"{installed[package]} installs a package {package} here"
    return ""


def _wrong_command(command: str, taken: Collection[str]) -> str:
    if not _COMMAND.fullmatch(command) or len(command) > LONGEST:
        return (
            f"use lower-case letters, digits and -, a letter first, {LONGEST} at most; "
            "name another one with --command"
        )
    if command in taken:
        return "Baton has a command of that name; name another one with --command"
    return ""
