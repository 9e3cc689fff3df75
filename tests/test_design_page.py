"""docs/design.md and CONTRIBUTING.md: what they say of the repository is so."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DESIGN = (ROOT / "docs" / "design.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def tree() -> set[str]:
    """Every folder that the page's tree names, by its path."""
    block = re.search(r"## Where things are\n+```\n(.*?)```", DESIGN, re.S)
    assert block is not None
    found: set[str] = set()
    top = ""
    for line in block[1].splitlines():
        names = re.findall(r"(?:^ *|; +)([a-z_]+)/", line)
        if line[:1].isalpha():
            top, *names = names
            found.add(top)
        if line[:1].isalpha() or (line.startswith("  ") and line[2].isalpha()):
            found |= {f"{top}/{name}" for name in names}
    return found


def test_every_folder_of_the_tree_is_there() -> None:
    """Whoever follows the page arrives."""
    folders = tree()
    assert {"baton/bus", "bot/dispatch", "bot/posts", "bot/cli"} <= folders
    assert not [folder for folder in folders if not (ROOT / folder).is_dir()]


def test_every_folder_of_the_bot_is_in_the_tree() -> None:
    """A folder that the page does not know has no place in the design."""
    packages = {f"bot/{path.parent.name}" for path in ROOT.glob("bot/*/__init__.py")}
    assert packages <= tree()


def test_a_folder_of_many_modules_is_flat_for_a_reason() -> None:
    """The page says why; of a folder that has grown a little past 15 it need not say so yet."""
    said = re.search(r"flat for a reason.*?\n\n(.*?)\n\n", DESIGN, re.S)
    assert said is not None
    heads = [line.partition(":")[0] for line in said[1].splitlines()]
    named = {folder for head in heads for folder in re.findall(r"`([\w/]+)/`", head)}
    counts = Counter(
        path.relative_to(ROOT).parent.as_posix()
        for top in ("alerts", "baton", "baton_slack_testing", "bench", "bot", "commands")
        for path in (ROOT / top).rglob("*.py")
        if not path.stem.startswith("__")
    )
    assert not [folder for folder in named if counts[folder] <= 15]
    assert {folder for folder, count in counts.items() if count > 17} <= named


def test_the_direction_of_imports_is_the_one_that_is_held() -> None:
    """The page's list is import-linter's."""
    contracts: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]["contracts"]
    (held,) = (one["layers"] for one in contracts if one.get("containers") == ["bot"])
    said = re.search(r"```\n(cli > .*?)```", DESIGN, re.S)
    assert said is not None
    assert [part.strip() for part in " ".join(said[1].split()).split(">")] == held


def test_every_path_that_contributors_are_told_of_is_there() -> None:
    """A recipe names files that exist."""
    paths = re.findall(
        r"`((?:baton|bot|commands|alerts|tests|bench|docs|examples)/[\w./-]+)`", DESIGN
    )
    paths += re.findall(
        r"`((?:baton|bot|commands|alerts|tests|docs|examples)/[\w./-]+)`", CONTRIBUTING
    )
    paths += re.findall(r"\]\(([^)#:]+)\)", CONTRIBUTING)
    assert len(paths) > 8
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_every_target_that_contributors_are_told_of_can_be_made() -> None:
    """`make quick` and the others are in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)", CONTRIBUTING)) <= targets
