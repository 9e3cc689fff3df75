"""The text of a TOML file is written here. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def value(given: Any) -> str:
    """Return a text, number, truth value, list or mapping as TOML writes it, on one line."""
    if isinstance(given, Mapping):
        inside = ", ".join(f"{key(name)} = {value(each)}" for name, each in given.items())
        return f"{{ {inside} }}"
    if isinstance(given, Sequence) and not isinstance(given, str):
        return f"[{', '.join(value(each) for each in given)}]"
    # JSON's escapes are TOML's, but for this one character
    return to_json(given).decode().replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """Return the name of a key or a table, in quotes if it needs them."""
    return name if _BARE.fullmatch(name) else value(name)


def table(*path: str, **values: Any) -> str:
    """Return a table with its header; a value of None is left out."""
    header = f"[{'.'.join(key(part) for part in path)}]"
    return "\n".join([header, *lines(values)]) + "\n"


def lines(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each value that is not None."""
    return [f"{key(name)} = {value(each)}" for name, each in values.items() if each is not None]
