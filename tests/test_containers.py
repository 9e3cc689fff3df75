"""The image and the composition, as far as they can be judged without a container engine."""

from __future__ import annotations

import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
AGENTS = ["web-1", "web-2"]


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile's stages, each a list of (instruction, arguments)."""
    text = (ROOT / "Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, lines):
        word, _, arguments = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, arguments.strip()))
    return stages


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """What compose.yml starts."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    return services


def test_image_is_not_root_and_is_the_command(stages: list[list[tuple[str, str]]]) -> None:
    """Whatever is run in the image is `baton ...`, by a user without rights."""
    last = dict(stages[-1])
    assert last["USER"] == "baton"
    assert last["ENTRYPOINT"] == '["baton"]'


def test_image_holds_a_wheel_and_no_sources_or_compilers(
    stages: list[list[tuple[str, str]]],
) -> None:
    """The last stage takes only what was installed from the wheel, at the pinned versions."""
    build, last = stages
    assert [text for word, text in last if word in ("COPY", "ADD")] == [
        "--from=build /opt/baton /opt/baton"
    ]
    installs = " ".join(text for word, text in build if word == "RUN")
    assert "pip wheel" in installs
    assert "--only-binary :all: " in installs
    assert "--constraint constraints.txt" in installs
    assert not re.search(r"gcc|build-essential|-dev\b", " ".join(text for _, text in last))


def test_what_is_copied_exists_and_is_in_the_context(stages: list[list[tuple[str, str]]]) -> None:
    """Every source of a COPY is in the tree, and .dockerignore lets it through; every package of
    the wheel is among them."""
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")
    ]
    sources = [
        source for word, text in stages[0] if word == "COPY" for source in shlex.split(text)[:-1]
    ]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert sorted(source.rstrip("/") for source in sources) == sorted(allowed)
    assert not any(fnmatch(".env", pattern) for pattern in allowed)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {f"{package}/" for package in packages} <= set(sources)


def test_composition_is_a_bot_two_agents_and_their_servers(services: dict[str, Any]) -> None:
    """One image serves the bot and both agents; each agent has a name of its own."""
    assert set(services) == {"rabbitmq", "postgres", "bot", *AGENTS}
    assert {services[name]["image"] for name in ("bot", *AGENTS)} == {"baton"}
    assert [services[name]["hostname"] for name in AGENTS] == AGENTS
    assert services["bot"]["command"][0] == "bot"
    assert {services[name]["command"][0] for name in AGENTS} == {"agent"}


def test_servers_are_waited_for_and_not_published(services: dict[str, Any]) -> None:
    """Who depends on a server waits until it is healthy; nothing listens on the host."""
    for name, service in services.items():
        assert "ports" not in service, name
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[needed]["healthcheck"]["test"], needed


def test_tokens_come_from_the_environment(services: dict[str, Any]) -> None:
    """No token is written down, and without one the bot is not started."""
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        assert services["bot"]["environment"][name].startswith(f"${{{name}:?")
        assert all(name not in services[agent]["environment"] for agent in AGENTS)


def test_state_is_kept_and_settings_are_mounted(services: dict[str, Any]) -> None:
    """Each service has a volume of its own, and reads settings that are in the tree."""
    kept = [
        volume.partition(":")[0]
        for service in services.values()
        for volume in service["volumes"]
        if not volume.startswith("./")
    ]
    assert sorted(kept) == sorted(set(kept)) == sorted(services)
    mounted = {
        volume.split(":")[0]
        for service in services.values()
        for volume in service["volumes"]
        if volume.startswith("./")
    }
    assert mounted == {"./examples/baton.toml", "./examples/agent.toml"}
    assert [path for path in mounted if not (ROOT / path).is_file()] == []
