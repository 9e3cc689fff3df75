"""Finds the line of a key in a TOML text, which Python's parser does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from baton.errors import SettingsError

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_AT = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)$")
_TWICE = ("Cannot overwrite a value", "Cannot declare")
"""How Python's parser begins to tell of a key or a table that stands twice."""


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Return the tables in `text`. Raises SettingsError that names the line if it is not valid
    TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        line = int(found[1]) if found and found[1] else len(text.splitlines()) or 1
        reason = _AT.sub("", str(error))
        reason = "it is there twice" if reason.startswith(_TWICE) else reason
        raise SettingsError(
            file=f"{file}, line {line}",
            key="this line",
            problem=f"it is not valid TOML ({reason})",
            must="TOML: key = value, [tables]",
        ) from None
    except (ValueError, RecursionError) as error:  # a number that is too long; lists in lists
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SettingsError(
            file=file,
            key="the file itself",
            problem=f"it is not valid TOML ({reason})",
            must="TOML: key = value, [tables]",
        ) from None


def line_of(text: str, key: str) -> int:
    """Return the line, from 1, of `key` (`route.1.channel`) in `text`, which is valid TOML. If the
    key is not there it is the line of the nearest table around it, and 0 if there is none."""
    places: dict[str, int] = {}
    for path, line in _places(text):
        places.setdefault(path, line)
    parts = key.split(".")
    for count in range(len(parts), 0, -1):
        line = places.get(".".join(parts[:count]), 0)
        if line:
            return line
    return 0


def _places(text: str) -> Iterator[tuple[str, int]]:
    """Yield each table and key, with its line."""
    table = ""
    counts: dict[str, int] = {}
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        header, key = _HEADER.match(lines[number]), _KEY.match(lines[number])
        last = number
        if key:
            last = _end(lines, number)
            name = _plain(key[1])
            yield (f"{table}.{name}" if table else name), number + 1
        elif header:
            table = _numbered(_plain(header[2]), counts)
            if header[1] == "[[":
                count = counts.get(table, -1) + 1
                counts[table] = count
                yield table, number + 1
                table = f"{table}.{count}"
            yield table, number + 1
        number = last + 1


def _end(lines: list[str], first: int) -> int:
    """Return the last line of the value that begins in line `first`."""
    for last in range(first, len(lines)):
        try:
            tomllib.loads("\n".join(lines[first : last + 1]))
        except tomllib.TOMLDecodeError:
            continue
        return last
    return first


def _plain(path: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in path.split("."))


def _numbered(path: str, counts: dict[str, int]) -> str:
    """Return `path` with the index in the list for each list of tables above it."""
    done = ""
    parts = path.split(".")
    for part in parts[:-1]:
        done = f"{done}.{part}" if done else part
        if done in counts:
            done = f"{done}.{counts[done]}"
    return f"{done}.{parts[-1]}" if done else parts[-1]
