"""rbit's own settings file is read here: an INI in the dialect of Python 2's RawConfigParser. Pure.

That dialect: no interpolation (`%ID` stays), `:` or `=`, names of options in lower case, an option
or a section that stands twice counts as the last one says, `[DEFAULT]` flows into each section, a
line that begins with a blank goes on with the value above it, and ` ;` begins a comment. Python 3's
parser differs in most of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DEFAULT = "DEFAULT"

_SECTION = re.compile(rb"\[([^]]+)\]")
_OPTION = re.compile(rb"([^:=\s][^:=]*)[:=]\s*(.*)")
_MAPPING = re.compile(r"([^\s:]+)\s*:\s*([^\s:]+)(?=\s|$)|(\S+)")


@dataclass(frozen=True, slots=True)
class Option:
    """An option has a value and the line on which it begins; `lines` are the lines of each part of
    a value of several lines."""

    value: str
    line: int
    lines: tuple[int, ...]


@dataclass(slots=True)
class Section:
    """A section has options by name, and the line of its header that came first."""

    name: str
    line: int
    options: dict[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault is a line that cannot be read, and why."""

    line: int
    problem: str
    must: str


@dataclass(frozen=True, slots=True)
class Ini:
    """An INI file: its sections by name, the options of `[DEFAULT]`, and the faults found."""

    sections: Mapping[str, Section]
    defaults: Section
    faults: tuple[Fault, ...]

    def options(self, section: str) -> dict[str, Option]:
        """Return the options of a section, with those of `[DEFAULT]` that it does not set."""
        return {**self.defaults.options, **self.sections[section].options}


@dataclass(slots=True)
class _Reading:
    """What has been read so far. Values are bytes until all their lines are there."""

    sections: dict[str, Section] = field(default_factory=dict)
    defaults: Section = field(default_factory=lambda: Section(DEFAULT, 0))
    faults: list[Fault] = field(default_factory=list)
    parts: dict[tuple[str, str], list[tuple[int, bytes]]] = field(default_factory=dict)
    section: Section | None = None
    option: str = ""


def parse(data: bytes) -> Ini:
    """Return the INI file in `data`, with all its faults."""
    reading = _Reading()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip() or line[:1] in b"#;" or _is_remark(line):
            continue
        if line[:1].isspace() and reading.section is not None and reading.option:
            reading.parts[reading.section.name, reading.option].append((number, line.strip()))
        elif header := _SECTION.match(line):
            _begin_section(reading, _text(reading, header[1], number), number)
        elif reading.section is None:
            what = "it begins with a byte order mark" if line[:3] == b"\xef\xbb\xbf" else ""
            problem = what or "it stands before the first [section]"
            reading.faults.append(Fault(number, problem, "a [section], such as [rbit]"))
            break  # as Python 2 does: nothing below it can be told apart
        else:
            _begin_option(reading, line, number)
    _join(reading)
    return Ini(reading.sections, reading.defaults, tuple(reading.faults))


def _is_remark(line: bytes) -> bool:
    return line[:1] in b"rR" and line.split(None, 1)[0].lower() == b"rem"


def _begin_section(reading: _Reading, name: str, number: int) -> None:
    if name == DEFAULT:
        reading.section = reading.defaults
        reading.defaults.line = reading.defaults.line or number
    else:
        reading.section = reading.sections.setdefault(name, Section(name, number))
    reading.option = ""


def _begin_option(reading: _Reading, line: bytes, number: int) -> None:
    assert reading.section is not None
    found = _OPTION.match(line)
    if found is None:
        problem = "it is neither an option nor a [section]"
        reading.faults.append(Fault(number, problem, "NAME = VALUE"))
        return
    value = found[2]
    # only the first ; is looked at, and only if a blank stands before it
    at = value.find(b";")
    if at >= 0 and value[at - 1 : at or None].isspace():
        value = value[:at]
    value = value.strip()
    reading.option = _text(reading, found[1].rstrip().lower(), number)
    parts = [(number, b"" if value == b'""' else value)]
    reading.parts[reading.section.name, reading.option] = parts


def _join(reading: _Reading) -> None:
    for (section, name), parts in reading.parts.items():
        if name == "__name__":
            continue  # Python 2 keeps the section's own name there
        value = _text(reading, b"\n".join(part for _, part in parts), parts[0][0])
        lines = tuple(number for number, _ in parts)
        held = reading.defaults if section == DEFAULT else reading.sections[section]
        held.options[name] = Option(value, lines[0], lines)


def _text(reading: _Reading, data: bytes, number: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        reading.faults.append(Fault(number, "it is not UTF-8", "a text in UTF-8: save it as that"))
        return data.decode("latin-1")


def queue_mappings(option: Option) -> Iterator[tuple[str, str, int]]:
    """Yield each queue of `queue-mappings` with its runner and its line.

    They are `QUEUE:RUNNER`, one a line, or with blanks between as rbit's README has it. What is no
    such pair has an empty runner, and so has a line that begins as a comment does: rbit took it for
    a queue, which nobody meant.
    """
    for line, text in zip(option.lines, option.value.split("\n"), strict=True):
        if text[:1] in ("#", ";"):
            yield text, "", line
            continue
        for found in _MAPPING.finditer(text):
            yield (found[1], found[2], line) if found[1] else (found[3], "", line)
