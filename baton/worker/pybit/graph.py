"""JSON that jsonpickle wrote, as values that can only be read. Pure.

An object is `{"py/object": "CLASS", ...}`, and one that was met before is `{"py/id": NUMBER}`. The
class is kept as a text: nothing is imported, made or called by what a message says. All other tags
of jsonpickle (`py/reduce`, `py/function`, ...) are refused.

Versions of jsonpickle number differently. Today's counts objects, lists and dictionaries in the
order of the text; those of PyBit's time went by the names of the fields, whatever the order of the
text, and counted fewer. Of these the first is taken by which every field refers to an object of
its own class, as PyBit's fields do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue
from pydantic_core import from_json

from baton.bus.bounds import MAX_MESSAGE
from baton.errors import InvalidMessage
from baton.text.printable import printable

MAX_DEPTH = 50
"""Levels of objects in objects, at most."""
MAX_REFERENCES = 2_000
"""References to objects met before, at most."""
MAX_VALUES = 5_000
"""Values, at most, with those behind a reference counted each time."""

_OBJECT, _ID, _TUPLE = "py/object", "py/id", "py/tuple"
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}")

Value = Any
"""A text, number, truth value or None; a tuple; a read-only mapping; a `Thing`."""


class Thing:
    """A thing stands for an object of a message: its fields can be read, and nothing else."""

    __slots__ = ("_class_name", "_fields")

    def __init__(self, class_name: str, fields: Mapping[str, Value]) -> None:
        object.__setattr__(self, "_class_name", class_name)
        # a dict is the tree of the object: its fields are made once somebody asks for them
        object.__setattr__(self, "_fields", fields)

    def __getattr__(self, name: str) -> Value:
        # also asked by copy and pickle, for names that begin with _
        if name.startswith("_") or name not in fields_of(self):
            raise AttributeError(f"this {class_of(self)} has no field {name}")
        return fields_of(self)[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("what a message holds cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("what a message holds cannot be changed")

    def __repr__(self) -> str:
        return f"<{self._class_name}: {', '.join(fields_of(self))}>"


def class_of(thing: Thing) -> str:
    """Return the name of its class, as the message gives it: `pybit.models.Job`."""
    name: str = object.__getattribute__(thing, "_class_name")
    return name


def fields_of(thing: Thing) -> Mapping[str, Value]:
    """Return its fields by name, in the order of the message."""
    fields: Mapping[str, Value] = object.__getattribute__(thing, "_fields")
    if type(fields) is dict:
        read = {name: _unread(value) for name, value in fields.items() if name != _OBJECT}
        fields = MappingProxyType(read)
        object.__setattr__(thing, "_fields", fields)
    return fields


def read(body: bytes) -> Value:
    """Return the value that jsonpickle wrote as `body`.

    Raises InvalidMessage, with the place in the message, for whatever is no such value or is larger
    than the limits of this module; nothing else, whatever the bytes are.
    """
    if len(body) > MAX_MESSAGE:
        raise InvalidMessage(reason=f"it has {len(body)} bytes; at most {MAX_MESSAGE} are read")
    try:
        tree = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidMessage(reason=f"it is not JSON ({error})") from None
    references, usual = _survey(tree)
    if usual:
        return _unread(tree)
    if not references:
        return _Reading(_NUMBERINGS[0]).value(tree)
    refusals: list[InvalidMessage] = []
    for numbering in _NUMBERINGS:
        reading = _Reading(numbering)
        try:
            value = reading.value(tree)
            reading.check_classes()
        except InvalidMessage as error:
            refusals.append(error)
        else:
            return value
    raise refusals[0]


def plain(value: Value) -> JsonValue:
    """Return `value` as plain JSON, without classes and references."""
    if isinstance(value, Thing):
        return {name: plain(each) for name, each in fields_of(value).items()}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Numbering:
    """How a version of jsonpickle counts: which values, and in the order of their names or not."""

    by_name: bool
    lists: bool
    mappings: bool


_NUMBERINGS = (
    _Numbering(by_name=False, lists=True, mappings=True),  # 3 and later
    _Numbering(by_name=True, lists=True, mappings=False),  # 0.7 to 2
    _Numbering(by_name=True, lists=False, mappings=False),  # 0.4
)

_CLASSES = {
    "job": "Job",
    "transport": "Transport",
    "packageinstance": "PackageInstance",
    "package": "Package",
    "arch": "Arch",
    "suite": "Suite",
    "distribution": "Dist",
    "format": "Format",
    "buildclient": "BuildD",
    "build_env": "BuildEnv",
}
"""The class of what a field of PyBit's messages holds, without its module."""


def _survey(tree: JsonValue) -> tuple[int, bool]:
    """Return how many references there are, and whether all tags are classes of objects.

    Raises InvalidMessage if there are too many references or other values, or it is too deep.
    """
    level, count, usual, depth, values = [tree], 0, True, 0, 0
    while level:
        depth += 1
        values += len(level)
        if values > MAX_VALUES:
            raise InvalidMessage(reason=f"it has more than the {MAX_VALUES} values that are read")
        if depth > MAX_DEPTH:
            raise InvalidMessage(reason=f"it is more than {MAX_DEPTH} levels deep")
        inner: list[JsonValue] = []
        for value in level:
            if type(value) is dict:
                if tags := [key for key in value if key[:3] == "py/"]:
                    count += _ID in value
                    usual = usual and tags == [_OBJECT] and _is_class(value[_OBJECT])
                inner += value.values()
            elif type(value) is list:
                inner += value
        level = inner
    if count > MAX_REFERENCES:
        raise InvalidMessage(reason=f"it has {count} references; at most {MAX_REFERENCES} are read")
    return count, usual


def _is_class(name: JsonValue) -> bool:
    return isinstance(name, str) and _CLASS.fullmatch(name) is not None


def _unread(tree: JsonValue) -> Value:
    """Return the value of a tree whose tags are all classes; its objects are read when they are
    asked for. Most messages are such trees, and runners ask for a few of their fields."""
    if isinstance(tree, dict):
        if _OBJECT in tree:
            return Thing(str(tree[_OBJECT]), tree)
        return MappingProxyType({name: _unread(value) for name, value in tree.items()})
    if isinstance(tree, list):
        return tuple([_unread(item) for item in tree])
    return tree


_OPEN = object()
"""Stands for an object that is being read: what refers to it is inside it."""


_Place = tuple[Any, str] | None
"""Where a value is: the place of what it is in, and its name there. A text of it is only made for
an error: a name may be long, and have many values below it."""


class _Reading:
    """Reads one tree, by one numbering."""

    def __init__(self, numbering: _Numbering) -> None:
        self._numbering = numbering
        self._met: list[Value] = []
        self._sizes: list[int] = []
        self._size = 0
        self._referred: list[tuple[_Place, str, Value]] = []

    def value(self, tree: JsonValue, place: _Place = None) -> Value:
        self._grow(1, place)
        if isinstance(tree, list):
            return self._met_as(partial(self._items, tree, place), self._numbering.lists)
        if not isinstance(tree, dict):
            return tree
        tags = [key for key in tree if key.startswith("py/")]
        if not tags:
            return self._met_as(partial(self._fields, tree, place), self._numbering.mappings)
        unknown = [tag for tag in tags if tag not in (_OBJECT, _ID, _TUPLE)]
        if unknown or len(tags) > 1:
            tag = (unknown or tags[1:])[0]
            raise _refused(place, f"holds {printable(tag[:40])}, which is never read there")
        if tags == [_ID]:
            return self._reference(tree[_ID], place)
        if tags == [_OBJECT]:
            return self._met_as(partial(self._thing, tree, place), True)
        items = tree[_TUPLE]
        if not isinstance(items, list) or len(tree) > 1:
            raise _refused(place, "is no tuple")
        return self._items(items, place)

    def check_classes(self) -> None:
        """Raise InvalidMessage if a field of PyBit's refers to an object of another class."""
        for place, field, value in self._referred:
            wanted = _CLASSES.get(field)
            if wanted and kind_of(value) != wanted:
                raise _refused(place, f"refers to no {wanted}")

    def _thing(self, tree: dict[str, JsonValue], place: _Place) -> Thing:
        if not _is_class(tree[_OBJECT]):
            raise _refused(place, "names no class")
        return Thing(str(tree[_OBJECT]), self._fields(tree, place))

    def _fields(self, tree: dict[str, JsonValue], place: _Place) -> Mapping[str, Value]:
        names = sorted(tree) if self._numbering.by_name else list(tree)
        read = {name: self.value(tree[name], (place, name)) for name in names if name != _OBJECT}
        return MappingProxyType({name: read[name] for name in tree if name != _OBJECT})

    def _items(self, items: list[JsonValue], place: _Place) -> tuple[Value, ...]:
        return tuple([self.value(item, (place, str(at))) for at, item in enumerate(items)])

    def _met_as(self, make: Callable[[], Value], counts: bool) -> Value:
        """Return what `make` makes, with its number if it `counts`."""
        if not counts:
            return make()
        number, before = len(self._met), self._size
        self._met.append(_OPEN)
        self._sizes.append(0)
        self._met[number] = value = make()
        self._sizes[number] = self._size - before
        return value

    def _reference(self, number: JsonValue, place: _Place) -> Value:
        if not isinstance(number, int) or isinstance(number, bool):
            raise _refused(place, "is no reference: its number is not a whole number")
        if not 0 <= number < len(self._met):
            raise _refused(place, "refers to an object that has not been met")
        value = self._met[number]
        if value is _OPEN:
            raise _refused(place, "refers to what it is a part of")
        self._grow(self._sizes[number], place)
        self._referred.append((place, place[1] if place else "", value))
        return value

    def _grow(self, by: int, place: _Place) -> None:
        self._size += by
        if self._size > MAX_VALUES:
            raise _refused(place, f"is one value more than the {MAX_VALUES} that are read")


def kind_of(value: Value) -> str:
    """Return the class of `value` without its module; empty if it is no object."""
    return class_of(value).rpartition(".")[2] if isinstance(value, Thing) else ""


def _refused(place: _Place, reason: str) -> InvalidMessage:
    names: list[str] = []
    while place is not None:
        place, name = place
        names.append(name[:40])
    return InvalidMessage(reason=f"{printable('.'.join(names[::-1])) or 'it'} {reason}")
