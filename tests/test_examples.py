"""The example files hold every key that can be set: so says README."""

from __future__ import annotations

import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, RootModel

from baton.agent.service import set_up_consumers
from baton.agent.settings import AgentSettings
from baton.extensions import installed
from baton.server import Server
from baton.worker.settings import WorkerSettings
from bot.settings import BotSettings
from tests.bot.test_settings import EXAMPLES, uncommented


def keys(annotation: Any, above: str = "") -> Iterator[str]:
    """Every key that a model knows, `a.b.c`; `*` stands for a name that people choose."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from keys(annotation.model_fields["root"].annotation, above)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            key = f"{above}{field.alias or name}"
            yield key
            yield from keys(field.annotation, f"{key}.")
    else:
        origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
        named = isinstance(origin, type) and issubclass(origin, Mapping)
        for one in inner:
            yield from keys(one, f"{above}*." if named else above)


def held(value: Any, known: set[str], above: str = "") -> Iterator[str]:
    """Every key that a file holds, named as `keys` does."""
    if isinstance(value, dict):
        for name, inner in value.items():
            key = f"{above}{name}"
            if key not in known and any(one.startswith(f"{above}*.") for one in known):
                key = f"{above}*"
            yield key
            yield from held(inner, known, f"{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from held(inner, known, above)


def agent_keys() -> set[str]:
    """What an agent's file may hold, the tables of all commands too."""
    found = set(keys(AgentSettings))
    for name, extension in installed().items():
        if extension.consumer is not None:
            consumer = extension.consumer
            found |= set(keys(consumer.settings_type, f"{consumer.settings_table or name}."))
    return found


def test_every_key_of_an_agent_is_in_its_example() -> None:
    """Set, or commented out, in the table to which it belongs."""
    there = set(held(tomllib.loads(uncommented(EXAMPLES / "agent.toml")), agent_keys()))
    assert sorted(agent_keys() - there) == []


def test_every_key_of_a_worker_is_in_its_example() -> None:
    """Set, or commented out; and all of it together is a file that is read."""
    tables = tomllib.loads(uncommented(EXAMPLES / "worker.toml"))
    known = set(keys(WorkerSettings))
    there = set(held(tables, known))
    assert sorted(known - there) == []
    settings = WorkerSettings.model_validate(tables)
    assert set(settings.runner) == {queue.runner for queue in settings.queues.values()}


def test_every_key_of_a_bot_is_in_its_example() -> None:
    """Set, or commented out; a table by its head."""
    text = (EXAMPLES / "baton.toml").read_text()
    missing = [
        key
        for key in sorted(keys(BotSettings))
        if not re.search(rf"(?m)^(# ?)?\[?\[{key.partition('.')[0]}\b", text)
        or ("." in key and not re.search(rf"(^|[\[.{{, #]){last(key)}( = |[\].])", text, re.M))
    ]
    assert missing == []


def last(key: str) -> str:
    """The name in `key` that the file must hold."""
    return key.removesuffix(".*").rpartition(".")[2]


def test_all_that_is_commented_out_in_an_agents_example_loads() -> None:
    """As it stands there."""
    text = uncommented(EXAMPLES / "agent.toml").replace("facts_file = ", "# ")
    settings = AgentSettings.model_validate(tomllib.loads(text))
    server = Server.discover(settings.server, file="agent.toml")
    server, _ = set_up_consumers(server, installed(), settings.commands, "agent.toml")
    assert set(server.app_names) == {"billing", "fonts", "mail", "search", "shop"}


def test_the_keys_of_a_deploy_are_seen() -> None:
    """The comparison sees what it is to see."""
    assert {
        "deploy.*.steps.timeout",
        "deploy.*.health.interval",
        "checks.*.command",
    } <= agent_keys()
    assert "bus.url" in set(keys(BotSettings))
