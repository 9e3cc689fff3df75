"""docs/first-command.md as data: its blocks, and the package that its reader has at the end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from baton.scaffold.answers import Answers
from baton.scaffold.making import make

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "first-command.md"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, the file that it is, and its text."""

    language: str
    file: str
    text: str


def blocks() -> list[Block]:
    """Every block of the page, in order."""
    found = re.findall(r"^```(\w*) ?(\S*)\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    return [Block(*each) for each in found]


def of(language: str) -> list[Block]:
    return [block for block in blocks() if block.language == language]


def files() -> dict[str, str]:
    """The files that the reader writes, by their paths."""
    return {block.file: block.text for block in of("python")}


def follow(folder: Path) -> None:
    """Make the package as the page says, in `folder`."""
    make(Answers("acme-uptime", "uptime", 2026), folder, source="", git=False)
    for path, text in files().items():
        (folder / path).write_text(text)
    project = folder / "pyproject.toml"
    (more,) = of("pyproject")
    project.write_text(f"{project.read_text()}\n{more.text}")
