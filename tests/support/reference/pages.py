"""All pages of docs/reference, by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alerts.settings import AlertSettings
from baton.agent.settings import AgentSettings
from baton.extensions import installed_commands
from baton.version import DISTRIBUTION
from baton.worker.settings import WorkerSettings
from bot.settings import BotSettings
from tests.baton.test_public_names import PUBLIC
from tests.support.reference.api import modules
from tests.support.reference.comments import comments
from tests.support.reference.settings import page, root_of, tables

EXAMPLES = Path(__file__).parents[3] / "examples"
INTRO = (
    "Every table and key, with what a value may be and its default. "
    "[examples/{file}](../../examples/{file}) shows them in use. `make reference` writes this page."
)


def pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    return {
        "agent-toml.md": page("agent.toml", INTRO.format(file="agent.toml"), _agent()),
        "baton-toml.md": page(
            "baton.toml",
            INTRO.format(file="baton.toml"),
            tables(BotSettings, comments(EXAMPLES / "baton.toml")),
        ),
        "alerts-toml.md": page(
            "alerts.toml",
            INTRO.format(file="alerts.toml"),
            tables(AlertSettings, comments(EXAMPLES / "alerts.toml")),
        ),
        "worker-toml.md": page(
            "worker.toml",
            INTRO.format(file="worker.toml"),
            tables(WorkerSettings, comments(EXAMPLES / "worker.toml")),
        ),
        "python.md": page(
            "What an extension imports",
            "Every name that stays as it is in versions 2.x. `make reference` writes this page.",
            modules(PUBLIC),
        ),
    }


def _agent() -> Iterator[str]:
    """An agent's own tables, and those of the commands that come with Baton."""
    said = comments(EXAMPLES / "agent.toml")
    yield from tables(AgentSettings, said)
    for one in installed_commands():
        consumer = one.thing.consumer if one.thing and one.distribution == DISTRIBUTION else None
        if consumer is None or not consumer.settings_type.model_fields:
            continue
        model, named = root_of(consumer.settings_type)
        yield from tables(model, said, f"[{one.name}{'.NAME' * named}]")
