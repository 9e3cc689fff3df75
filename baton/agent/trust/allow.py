"""What an agent takes from whoever asks: `[allow]` of its own file, whatever a bot allows. Pure.

Each key is a list of patterns, in which `*` stands for anything. A refusal names the key and its
line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from baton.bus.facts import MAX_RULES, MAX_RULES_SIZE, ApproveFacts
from baton.bus.signing.passkey import ApproverLines, Passkey
from baton.command import Command
from baton.settings import Table
from baton.toml_lines import line_of

MOST = 200
Looked = tuple[str, str, Sequence[str], str]
"""A key, what a request has of it, the patterns that are allowed, and what people call it."""


def _none_empty(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if any(not pattern or len(pattern) > 200 for pattern in patterns):
        raise ValueError("patterns such as shop, billing-* or v*, of at most 200 characters")
    return patterns


def _an_origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("the beginning of an address, such as https://baton.example.com")
    return text


Origin = Annotated[str, AfterValidator(_an_origin)]
_RELEASE = re.compile(r"^[0-9]{14}-?")
_NO_NAME = re.compile(r"[^A-Za-z0-9._+*?\[\]!-]+")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")
Patterns = Annotated[tuple[str, ...], Field(max_length=MOST), AfterValidator(_none_empty)]


class ApproveTable(Table):
    """`approve` of `[allow]`: what starts here only if `need` people have signed its plan with the
    keys in `of`, whatever the bot says. `commands` and `apps` are patterns of what it is about. A
    passkey counts if it was used on one of the pages `origins`: by default on those of its site,
    https://SITE."""

    of: ApproverLines
    need: int = Field(default=1, ge=1)
    commands: Patterns = ("*",)
    apps: Patterns = ("*",)
    origins: tuple[Origin, ...] = Field(default=(), max_length=20)

    @field_validator("need")
    @classmethod
    def _can_be_met(cls, need: int, info: ValidationInfo) -> int:
        known = len(info.data.get("of", ()))
        if "of" in info.data and need > known:
            raise ValueError(f"at most the number of keys in `of`, which is {known}")
        return need

    @property
    def pages(self) -> tuple[str, ...]:
        """Where passkeys count; nothing if there is none."""
        sites = sorted({f"https://{key.site}" for key in self.of if isinstance(key, Passkey)})
        return self.origins or tuple(sites) if sites else ()

    @property
    def facts(self) -> ApproveFacts:
        """What heartbeats say of it."""
        of = {key.fingerprint: key.name for key in self.of}
        more = {"commands": self.commands, "apps": self.apps, "origins": self.pages}
        return ApproveFacts.model_validate({"need": self.need, "of": of, **more})


def reported(rules: Sequence[ApproveTable]) -> tuple[ApproveFacts, ...]:
    """Return what heartbeats say of `rules`: as many as fit in. A bot knows nothing of the others,
    so what they are about is refused at its start if it lacks approvals."""
    found: list[ApproveFacts] = []
    size = 0
    for rule in rules[:MAX_RULES]:
        size += len(rule.facts.model_dump_json())
        if size > MAX_RULES_SIZE:
            break
        found.append(rule.facts)
    return tuple(found)


class AllowTable(Table):
    """`[allow]`: what this agent takes, whoever asks: patterns of `commands`, of `apps`, of `refs`
    (the versions that may be deployed, or be gone back to by the name of their release) and of
    `requesters` (the user IDs of who asks). What is not given allows everything. `approve` says
    whose approvals count here: one table, or a list."""

    commands: Patterns = ("*",)
    apps: Patterns = ("*",)
    refs: Patterns = ("*",)
    requesters: Patterns = ("*",)
    approve: tuple[ApproveTable, ...] = Field(default=(), max_length=MOST)

    @field_validator("approve", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value


def disallowed(
    table: AllowTable, command: Command, requester: str | None, where: Callable[[str], str]
) -> str:
    """Return why `command` is not allowed to `requester`; empty if it is. Without one it is about
    what is asked alone. `where` returns the place of a key of the table, `agent.toml, line 12`."""
    kind = type(command)
    found: list[Looked] = [("commands", kind.name, table.commands, "the command")]
    if requester is not None:
        found.append(("requesters", requester, table.requesters, "whoever asks,"))
    app = command.target.app
    if app is not None or (kind.changes and "app" in kind.model_fields):
        found.append(("apps", app or "", table.apps, "the app"))
    if "ref" in kind.model_fields:
        found.append(("refs", _text(getattr(command, "ref", None)), table.refs, "the version"))
    if release := _text(getattr(command, "release", None)):
        found.append(("refs", _version_of(release), _in_names(table.refs), "the version"))
    return first_outside(found, where, "this server")


def first_outside(found: Sequence[Looked], where: Callable[[str], str], here: str) -> str:
    """Return which of `found` is not allowed `here`; empty if all is."""
    for key, value, patterns, what in found:
        if not matches(value, patterns):
            shown = f"“{value}”" if value else "that is not named"
            allowed = ", ".join(patterns[:5]) + (", ..." if len(patterns) > 5 else "")
            return (
                f"{what} {shown} is not allowed on {here}, which allows"
                f" {allowed or 'none'} ({where(key)}: [allow] {key})"
            )
    return ""


class FileKeys:
    """Where the keys of `table`, which is `[name]` in the settings `file`, stand there."""

    def __init__(self, table: BaseModel, name: str, file: str) -> None:
        self._file = file
        self._lines = {key: _line(file, f"{name}.{key}") for key in table.model_fields_set}

    def place(self, key: str) -> str:
        """Return the file, with the line of `key` if that is known."""
        line = self._lines.get(key, 0)
        return f"{self._file}, line {line}" if line else self._file


def _line(file: str, key: str) -> int:
    try:
        return line_of(Path(file).read_text(), key)
    except (OSError, ValueError):
        return 0


def matches(value: str, patterns: Sequence[str]) -> bool:
    """Return whether `value` is one of `patterns`."""
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _version_of(release: str) -> str:
    """Return the version that the name of a release tells: `20261126090000-v1.4` is of `v1.4`."""
    return _RELEASE.sub("", release)


def _in_names(patterns: Sequence[str]) -> Sequence[str]:
    """Return `patterns`, and what they are for names of releases, in which some characters of a
    version have become `-`."""
    return list(dict.fromkeys([*patterns, *(_NO_NAME.sub("-", one) for one in patterns)]))


def _text(value: Any) -> str:
    return "" if value is None else str(value)
