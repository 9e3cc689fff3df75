"""docs/reference: the pages are what the code says now, and every key is on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from baton.agent.settings import AgentSettings
from baton.worker.settings import WorkerSettings
from bot.settings import BotSettings
from tests.support.reference.pages import pages
from tests.test_examples import agent_keys, keys

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    """If it is not: `make reference` writes it anew."""
    assert (FOLDER / name).read_text() == PAGES[name], "run make reference"


def test_there_are_no_others() -> None:
    """A page that nothing writes would never be right again."""
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("agent-toml.md", agent_keys() | set(keys(AgentSettings))),
        ("baton-toml.md", set(keys(BotSettings))),
        ("worker-toml.md", set(keys(WorkerSettings))),
    ],
)
def test_every_key_is_on_its_page(name: str, known: set[str]) -> None:
    """By the list of keys that the examples are held to, which is made in another way."""
    page = PAGES[name]
    missing = [
        key
        for key in sorted(known)
        if f"`{key.rpartition('.')[2]}`" not in page
        and not re.search(rf"`\[\[?([\w.]+\.)?{re.escape(key.rpartition('.')[2])}[\].]", page)
    ]
    assert missing == []


def test_what_a_value_may_be_is_said() -> None:
    """Types, limits, defaults and secrets, in words."""
    assert "| `most_runs` | whole number, at least 1 | `100` | runs" in PAGES["agent-toml.md"]
    assert "| `bot_token` | text, a secret | none | OAuth" in PAGES["baton-toml.md"]
    assert '| `severity` | `"critical"` or `"warning"` or `"info"` |' in PAGES["alerts-toml.md"]
    assert "| `group_wait` | length of time (`30s`, `5m`, or seconds), " in PAGES["alerts-toml.md"]
    assert "| `channel` | text, 1 or more | **required** |" in PAGES["alerts-toml.md"]
    said = "seconds that runs get to finish when the agent is stopped"
    assert f"| `drain` | number, at least 0 | `30` | {said} |" in PAGES["agent-toml.md"]


def test_every_public_name_is_explained() -> None:
    """By its docstring: none is empty."""
    page = PAGES["python.md"]
    for head, text in re.findall(r"^### `(.*)`\n\n(.*)$", page, re.M):
        assert len(text) > 10, head
    assert "### `Monitor(channel: Channel)`" in page
    assert "- `on_update(update: Update) -> None`: Receive what a server says" in page
