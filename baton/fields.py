"""Fields of a command have types and names that people can read. Pure.

A field without a default is a positional argument (`/deploy shop prod`); one with a default is an
option (`--ref v2` or `ref=v2`), unless it is marked `Positional`.
"""

from __future__ import annotations

import re
import types
import typing
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError


class _Positional:
    def __repr__(self) -> str:
        return "Positional"


Positional = _Positional()
"""Marks an optional field that is a word in its place: `Annotated[Host | None, Positional] =
None`."""

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", min_length=1, max_length=64)
]
"""The name of an app or an environment: letters, digits, `-` and `_`."""

Host = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", min_length=1, max_length=230)
]
"""The name of a server, as its agent gives it. Many have a `_`, though DNS knows none. The longest
still makes the name of a queue, a routing key and a file (255 bytes each, with what stands around
it)."""


def _address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("HOST:PORT, with a port of 1 to 65535")
    return address


Address = Annotated[
    str, StringConstraints(pattern=r"^[!-~]+$", max_length=300), AfterValidator(_address)
]
"""HOST:PORT; an IPv6 address stands in brackets."""


_A_REF = "a branch, tag or commit of git"

_NO_REF = re.compile(
    r"^-|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^/|/$|\.$|^@$|(?:^|/)\.|\.lock(?:/|$)"
)
"""What no name of a ref holds (git-check-ref-format(1)), and a `-` at its beginning, which would
make it an option."""


def _ref(text: str) -> str:
    if _NO_REF.search(text) or not text.isprintable():
        raise PydanticCustomError("git_ref", _A_REF)
    return text


Ref = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_ref)]
"""A branch, tag or commit of git, by git's own rules: never an option (no leading `-`), never a way
out (no `..`), nothing that cannot be seen."""

_MEANT = {
    id(Name.__metadata__[0]): "letters, digits, - and _",  # type: ignore[attr-defined]
    id(Host.__metadata__[0]): "the name of a server",  # type: ignore[attr-defined]
    id(Ref.__metadata__[0]): _A_REF,  # type: ignore[attr-defined]
}

_PATTERNS = {
    Name.__metadata__[0].pattern: "letters, digits, - and _, beginning with a letter or a digit",  # type: ignore[attr-defined]
    Host.__metadata__[0].pattern: "letters, digits, dots, - and _, not beginning with a dot or -",  # type: ignore[attr-defined]
}


def meaning(error: ErrorDetails) -> str:
    """Return what a text must be that does not match its pattern, or is too long, in plain words.

    It is empty for another error.
    """
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], "")
    if error["type"] == "string_too_long":
        return f"at most {context['max_length']} characters"
    return "not empty" if error["type"] == "string_too_short" else ""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field spec describes a field of a command as people see it."""

    name: str
    help: str
    required: bool
    positional: bool
    flag: bool
    many: bool
    choices: tuple[str, ...]
    meant: str
    examples: tuple[str, ...] = ()
    """What may stand there, among other things: the `examples` of pydantic's Field."""

    @property
    def option(self) -> str:
        """Return `--dry-run` for dry_run."""
        return "--" + self.name.replace("_", "-")

    @property
    def label(self) -> str:
        """Return what an error calls it: `APP`, `--ref`."""
        return self.name.upper() if self.positional else self.option

    @property
    def usage(self) -> str:
        """Return its part of a usage line: `APP`, `[--ref REF]`."""
        value = "|".join(self.choices) or self.name.upper()
        if self.many:
            value += " ..."
        if self.positional:
            return value if self.required else f"[{value}]"
        return f"[{self.option}]" if self.flag else f"[{self.option} {value}]"


@lru_cache(4096)
def fields_of(model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """Return the fields of `model`: positional arguments first, then options."""
    specs = [_spec(name, info) for name, info in model.model_fields.items()]
    return tuple(sorted(specs, key=lambda spec: not spec.positional))


def _spec(name: str, info: FieldInfo) -> FieldSpec:
    annotation = _without_none(info.annotation)
    origin = typing.get_origin(annotation)
    choices: tuple[str, ...] = ()
    if origin is Literal:
        choices = tuple(str(value) for value in typing.get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        choices = tuple(str(member.value) for member in annotation)
    return FieldSpec(
        name=name,
        help=info.description or "",
        required=info.is_required(),
        positional=info.is_required() or Positional in info.metadata,
        flag=annotation is bool,
        many=origin in (list, tuple, set, frozenset),
        choices=choices,
        meant=_meant(annotation, info),
        examples=tuple(str(example) for example in info.examples or ()),
    )


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(annotation) if part is not type(None)]
        if len(rest) == 1:
            annotation = rest[0]
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


def _meant(annotation: Any, info: FieldInfo) -> str:
    marks = [*info.metadata]
    for part in typing.get_args(info.annotation):
        marks += getattr(part, "__metadata__", ())
    for mark in marks:
        if id(mark) in _MEANT:
            return _MEANT[id(mark)]
    return {int: "a whole number", float: "a number", bool: "yes or no"}.get(annotation, "")
