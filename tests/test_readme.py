from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from baton.bus.messages import State
from bot.dispatch.policy import Rule
from commands.deploy.settings import DeploySettings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXTENSION = ROOT / "examples" / "extension"


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.S | re.M)
    return found


def test_the_command_in_20_lines_is_the_example() -> None:
    """Who copies either has a command that passes its tests."""
    code, test = blocks("python")
    assert code == (EXTENSION / "acme_disk.py").read_text()
    shown = test.removeprefix("from baton.testing import open_chat\n").strip()
    assert shown in (EXTENSION / "tests" / "test_acme_disk.py").read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_settings_that_it_shows_are_valid() -> None:
    """No setting in the README is refused."""
    agent, rules, entry = (tomllib.loads(block) for block in blocks("toml"))
    assert set(DeploySettings.model_validate(agent["deploy"]).root) == {"shop"}
    assert [Rule.model_validate(rule).apps for rule in rules["allow"]] == [("shop",)]
    project = tomllib.loads((EXTENSION / "pyproject.toml").read_text())["project"]
    assert entry["project"]["entry-points"] == project["entry-points"]
    assert "baton.commands" in project["entry-points"]


def test_every_file_that_it_links_to_is_there() -> None:
    """A link that leads nowhere is worse than none."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)|src(?:set)?=\"([^\"]+)\"", page.read_text()):
            assert (page.parent / "".join(target)).exists(), f"{page.name}: {target}"


def test_every_end_of_a_run_is_explained() -> None:
    """Whatever the thread says, the page for 3 a.m. says what to do."""
    page = (ROOT / "docs" / "at-3-am.md").read_text()
    missing = [state for state in State if f"| `{state}` |" not in page]
    assert missing in ([], [State.ACCEPTED])


PLACEHOLDER = re.compile(r"\.\.\.|\b[A-Z]{3,}\b|\bN\b|\b\d+\b|\bU\b")


def test_what_the_page_for_3_am_quotes_is_what_is_said() -> None:
    """Whoever looks for the words that they read finds them: each quotation is in the code."""
    page = " ".join((ROOT / "docs" / "at-3-am.md").read_text().split())
    quoted = re.findall(r"\*“(.*?)”\*", page)
    assert len(quoted) > 10
    said = " \n ".join(" ".join(text.split()) for text in _literals())
    for text in quoted:
        parts = [part.strip(" .,()") for part in PLACEHOLDER.split(text)]
        missing = [part for part in parts if len(part) > 3 and part not in said]
        assert not missing, f"“{text}”: nobody says {missing}"


def _literals() -> Iterator[str]:
    """The texts in the code, the constant parts of formatted ones each for itself."""
    for package in ("baton", "commands", "alerts", "bot"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield re.sub(r"\{\w+\}", "\n", node.value)
