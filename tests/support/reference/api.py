"""A page of what authors of extensions import, from the docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


def modules(names: dict[str, str]) -> Iterator[str]:
    """Each module with its public names, as Markdown. What `baton` hands on stands there only."""
    shown: set[int] = set()
    for module, public in names.items():
        found = import_module(module)
        things = [(name, getattr(found, name)) for name in public.split()]
        new = [(name, thing) for name, thing in things if id(thing) not in shown]
        if not new:
            continue
        yield f"## `{module}`"
        yield ""
        for name, thing in new:
            shown.add(id(thing))
            yield from _thing(name, thing, _texts(getattr(found, "_HOMES", {}).get(name, module)))


def _texts(module: str) -> dict[str, str]:
    """The text below each assignment of a module, which says what a type is."""
    body = ast.parse(inspect.getsource(import_module(module))).body
    return {
        first.targets[0].id: inspect.cleandoc(second.value.value)
        for first, second in pairwise(body)
        if isinstance(first, ast.Assign)
        and isinstance(first.targets[0], ast.Name)
        and isinstance(second, ast.Expr)
        and isinstance(second.value, ast.Constant)
        and isinstance(second.value.value, str)
    }


def _thing(name: str, thing: Any, texts: Mapping[str, str]) -> Iterator[str]:
    yield f"### `{name}{_signature(thing)}`"
    yield ""
    # a type such as Name has no docstring of its own
    own = inspect.isclass(thing) or inspect.isroutine(thing)
    doc = inspect.getdoc(thing) if own else None
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        doc = f"Its message: `{' '.join((doc or '').split())}`"
    yield from [doc or texts.get(name, "A type."), ""]
    if not inspect.isclass(thing):
        return
    if issubclass(thing, Enum):
        yield from ["Values: " + ", ".join(f"`{one.value}`" for one in thing) + ".", ""]
    fields = thing.model_fields if issubclass(thing, BaseModel) else {}
    if fields:
        yield from ["Fields: " + ", ".join(f"`{field}`" for field in fields) + ".", ""]
    members = [
        (each, member)
        for each, member in vars(thing).items()
        if not each.startswith("_") and each not in fields and inspect.getdoc(_plain(member))
    ]
    for each, member in members:
        plain = _plain(member)
        read = isinstance(plain, property | cached_property)
        if not (inspect.isroutine(plain) or read):
            continue
        head = each if read else f"{each}{_signature(plain)}"
        yield f"- `{head}`: {' '.join((inspect.getdoc(plain) or '').split())}"
    if members:
        yield ""


def _plain(member: Any) -> Any:
    return member.__func__ if isinstance(member, classmethod | staticmethod) else member


def _signature(thing: Any) -> str:
    """The arguments of a call; models, errors, protocols and enumerations are said in words."""
    if inspect.isclass(thing) and (
        issubclass(thing, BaseModel | BaseException | Enum) or getattr(thing, "_is_protocol", False)
    ):
        return ""
    if not inspect.isclass(thing) and not inspect.isroutine(thing):
        return ""
    signature = inspect.signature(thing)
    named = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    if all(one.annotation is one.empty for one in named):
        named = []  # what it inherits from a protocol
    parts = []
    starred = any(one.kind is one.VAR_POSITIONAL for one in named)
    for one in named:
        if one.kind is one.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        parts.append(_parameter(one))
    returned = "" if inspect.isclass(thing) else f" -> {_annotation(signature.return_annotation)}"
    return f"({', '.join(parts)}){returned}"


def _parameter(one: inspect.Parameter) -> str:
    star = "*" if one.kind is one.VAR_POSITIONAL else ""
    text = f"{star}{one.name}: {_annotation(one.annotation)}"
    if one.default is one.empty:
        return text
    default = repr(one.default)
    return f"{text} = {'...' if '<' in default or 'mappingproxy' in default else default}"


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
