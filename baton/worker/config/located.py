"""An error of a settings file says where it is: section, key, file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ValidationError

from baton.errors import BatonError, SettingsError
from baton.settings import explained
from baton.toml_lines import line_of

Path = tuple[str, ...]
"""A path of keys in the settings of a worker: `("runner", "report", "timeout")`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a settings file. `line` counts from 1; 0 if there is no such line."""

    section: str
    key: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"[{self.section}] {self.key}".rstrip() if self.section else self.key


class Source(Protocol):
    """A settings file that knows where each setting stands in it."""

    @property
    def file(self) -> str:
        """Return its name."""

    def place(self, path: Path) -> Place:
        """Return where the setting of this path stands, or the nearest thing around it."""


@dataclass(frozen=True, slots=True)
class TomlSource:
    """A TOML file: its name and its text."""

    file: str
    text: str

    def place(self, path: Path) -> Place:
        """Return where the setting of this path stands, or the nearest table around it."""
        depth = 2 if path[:1] == ("runner",) else 1
        section, key = path[:depth], path[depth:]
        return Place(".".join(section), ".".join(key), line_of(self.text, ".".join(path)))


class SettingsErrors(SettingsError):
    """Several errors of one settings file, in the order of its lines."""

    def __init__(self, errors: Sequence[SettingsError]) -> None:
        self.errors = tuple(errors)
        BatonError.__init__(self)
        self.facts = dict(errors[0].facts)
        self.args = ("\n".join(str(error) for error in self.errors),)


@dataclass(slots=True)
class Faults:
    """Collects what is wrong with a settings file. `overridden` says which settings do not come
    from the file but from an environment variable."""

    source: Source
    overridden: Mapping[Path, str]
    _found: list[tuple[int, SettingsError]] = field(default_factory=list)

    def add(self, path: Path, problem: str, must: str) -> None:
        """Add that the setting of `path` will not do: `problem`, and what it must be."""
        place = self.source.place(path)
        file = f"{self.source.file}, line {place.line}" if place.line else self.source.file
        variable = self.overridden.get(path[:2])
        if variable:
            file = f"the environment variable {variable}"
        error = SettingsError(file=file, key=str(place), problem=problem, must=must)
        if str(error) not in {str(other) for _, other in self._found}:
            self._found.append((place.line, error))

    def add_invalid(
        self, model: type[BaseModel], error: ValidationError, wanted: Mapping[Path, str]
    ) -> None:
        """Add all that pydantic found wrong. `wanted` says of settings without a default what they
        must be."""
        for path, missing, problem, must in _invalid(model, error):
            self.add(path, problem, wanted.get(path, must) if missing else must)

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_if_any(self) -> None:
        """Raise SettingsErrors if anything was added."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0] or 1 << 30)
            raise SettingsErrors([error for _, error in ordered])


def _invalid(
    model: type[BaseModel], error: ValidationError
) -> Iterator[tuple[Path, bool, str, str]]:
    """Yield path, whether it is missing, problem and remedy of each error, without what follows
    from another one."""
    found = []
    for one in error.errors(include_url=False):
        path = tuple(str(part) for part in one["loc"] if part != "[key]")
        told = explained(model, "", one)
        found.append((path, one["type"], str(told.facts["problem"]), str(told.facts["must"])))
    misspelt = [(path[:-1], said) for path, kind, said, _ in found if kind == "extra_forbidden"]
    for path, kind, problem, must in found:
        meant = f"(did you mean {path[-1]}?)"
        if kind == "missing" and any(
            table == path[:-1] and meant in said for table, said in misspelt
        ):
            continue
        yield path, kind == "missing", problem, must
