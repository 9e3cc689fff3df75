"""A page for each settings file: its tables and keys, from the models that read it."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import AwareDatetime, BaseModel, BeforeValidator, RootModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_PLAIN: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "text, a secret",
    AwareDatetime: "date and time",
    Any: "anything",
    object: "anything",
}
Meanings = Mapping[tuple[str, str], str]
"""What a key means, by its table and its name."""

_LIMITS = {Ge: "at least", Gt: "more than", Le: "at most", Lt: "less than"}
_CASUAL = {
    "_seconds": "length of time (`30s`, `5m`, or seconds)",
    "_bytes": "size (`512MB`, or bytes)",
}
"""What somebody may write, by the function that reads it."""


def page(title: str, intro: str, tables: Iterator[str]) -> str:
    """The page of one file."""
    return "\n".join([f"# {title}", "", intro, "", *tables]).rstrip() + "\n"


def tables(model: type[BaseModel], meanings: Meanings, name: str = "") -> Iterator[str]:
    """The table `name` that `model` reads, and the tables in it, as Markdown. Without a name it is
    the file. `meanings` says what keys mean that have no description of their own."""
    inner: list[tuple[type[BaseModel], str]] = []
    rows = []
    for key, field in model.model_fields.items():
        key = field.alias or key
        found = _table(field.annotation, name, key)
        if found is None:
            rows.append((key, field))
        else:
            inner.append(found)
    if name:
        yield from [f"## `{name}`", "", inspect.cleandoc(model.__doc__ or ""), ""]
    elif rows:
        yield from ["## Before the first table", ""]
    if rows:
        said = {key: field.description or _meaning(meanings, name, key) for key, field in rows}
        described = any(said.values())
        more = (" meaning |", "---|") if described else ("", "")
        yield f"| key | value | default |{more[0]}"
        yield f"|---|---|---|{more[1]}"
        for key, field in rows:
            last = f" {said[key]} |" if described else ""
            yield f"| `{key}` | {_value(field)} | {_default(field)} |{last}"
        yield ""
    for inside, where in inner:
        yield from tables(inside, meanings, where)


def _meaning(meanings: Meanings, name: str, key: str) -> str:
    """What an example says of `key` in the table `name`; `[deploy.NAME]` is there `deploy.shop`."""
    table = name.strip("[]")
    pattern = re.compile(re.escape(table).replace("NAME", r"[\w-]+"))
    found = (
        text for (where, one), text in meanings.items() if one == key and pattern.fullmatch(where)
    )
    return next(found, "").replace("|", "\\|")


def _table(annotation: Any, name: str, key: str) -> tuple[type[BaseModel], str] | None:
    """The model of a key that is a table of its own, and how the table is written."""
    path = f"{name.strip('[]')}.{key}".removeprefix(".")
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _table(inner[0], name, key)
    if origin in (typing.Union, types.UnionType):
        parts = (_table(part, name, key) for part in inner)
        return next((part for part in parts if part is not None), None)
    model = _model(annotation)
    if model is not None:
        return model, f"[{path}]"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        model = _model(inner[1])
        return None if model is None else (model, f"[{path}.NAME]")
    if origin in (tuple, list):
        model = _model(inner[0])
        return None if model is None else (model, f"[[{path}]]")
    return None


def root_of(model: type[BaseModel]) -> tuple[type[BaseModel], bool]:
    """The model in a RootModel, and whether there is one for each name."""
    if not issubclass(model, RootModel):
        return model, False
    found = _table(model.model_fields["root"].annotation, "", "x")
    assert found is not None
    return found[0], found[1].endswith(".NAME]")


def _model(annotation: Any) -> type[BaseModel] | None:
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    found = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if found else None


def _value(field: FieldInfo) -> str:
    return _typed(field.annotation, field.metadata)


def _typed(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a value of this type is, in words, with its limits."""
    if typing.get_origin(annotation) is Annotated:
        first, *more = typing.get_args(annotation)
        return _typed(first, [*_flat(more), *metadata])
    casual = [
        _CASUAL[one.func.__name__]
        for one in metadata
        if isinstance(one, BeforeValidator) and getattr(one.func, "__name__", "") in _CASUAL
    ]
    shown = _days if casual and "time" in casual[0] else _number
    return ", ".join([casual[0] if casual else _kind(annotation), *_limits(metadata, shown)])


def _kind(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        parts = [_typed(part) for part in inner if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if origin in (tuple, list):
        return f"list of: {_typed(inner[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of: {_typed(inner[1])}"
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in inner)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f'`"{one.value}"`' for one in annotation)
    return _PLAIN.get(annotation, "text")


def _limits(metadata: Iterable[Any], shown: Callable[[float], str]) -> Iterator[str]:
    for one in _flat(metadata):
        for kind, words in _LIMITS.items():
            if isinstance(one, kind):
                yield f"{words} {shown(getattr(one, kind.__name__.lower()))}"
        if isinstance(one, MinLen):
            yield f"{one.min_length} or more"
        elif isinstance(one, MaxLen):
            yield f"{one.max_length:,} at most"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.15g}"


def _days(value: float) -> str:
    """A limit of a length of time, or of a size."""
    return f"{value / 86_400:,.0f} days" if value >= 86_400 * 7 else _number(value)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """The constraints, those of a Field one by one."""
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _flat(one.metadata)
        else:
            yield one


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default_factory is not None:
        made = field.default_factory in (dict, list, tuple)
        return "none" if made else "see above"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    if value is None or value is PydanticUndefined or value in ((), "", {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(_toml(one) for one in value) + "]`"
    return f"`{_toml(value)}`" if isinstance(value, str | Path) else "none"


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int | float) else f'"{value}"'
