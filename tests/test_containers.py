"""The image and the composition, as far as they can be judged without a container engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import socket
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from baton.agent.settings import AgentSettings
from baton.bus.messages import State
from baton.server import Server
from baton.settings import load
from baton.testing import Kit
from bot.settings import load_bot
from commands.deploy import extension as deploy

ROOT = Path(__file__).resolve().parent.parent
AGENTS = ["web-1", "web-2"]
SETTINGS = {"./examples/compose/baton.toml", "./examples/compose/agent.toml"}


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
    assert set(services) == {"rabbitmq", "postgres", "bot", "shop", *AGENTS}
    assert {services[name]["image"] for name in ("bot", *AGENTS)} == {"baton"}
    assert [services[name]["hostname"] for name in AGENTS] == AGENTS
    assert services["bot"]["command"][0] == "bot"
    assert {services[name]["command"][0] for name in AGENTS} == {"agent"}


def test_servers_are_waited_for_and_not_published(services: dict[str, Any]) -> None:
    """Who depends on a server waits until it is healthy; nothing listens on the host."""
    for name, service in services.items():
        assert "ports" not in service, name
        for needed, how in service.get("depends_on", {}).items():
            if needed == "shop":  # it makes its repository and ends
                assert how == {"condition": "service_completed_successfully"}
                assert services[needed]["restart"] == "no"
                continue
            assert how == {"condition": "service_healthy"}
            assert services[needed]["healthcheck"]["test"], needed


def test_tokens_come_from_the_environment(services: dict[str, Any]) -> None:
    """No token is written down, and without one the bot is not started."""
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        assert services["bot"]["environment"][name].startswith(f"${{{name}:?")
        assert all(name not in services[agent]["environment"] for agent in AGENTS)


def test_no_password_has_a_default(services: dict[str, Any]) -> None:
    """Whoever starts it chooses them, and is told so."""
    text = (ROOT / "compose.yml").read_text()
    passwords = re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN))([^}]*)\}", text)
    assert {name for name, _ in passwords} == {
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "BATON_RABBITMQ_PASSWORD",
        "BATON_POSTGRES_PASSWORD",
    }
    assert {rest for _, rest in passwords} == {":?write it into .env"}
    assert all(name in text.partition("name: baton")[0] for name, _ in passwords)


def test_state_is_kept_and_settings_are_mounted(services: dict[str, Any]) -> None:
    """Each service has a volume of its own, and reads settings that are in the tree; agents read
    the shop's repository, and cannot write it."""
    mounted = {
        name: [volume for volume in service["volumes"] if volume.startswith("./")]
        for name, service in services.items()
    }
    kept = {
        name: [volume.partition(":")[0] for volume in service["volumes"] if volume[0] != "."]
        for name, service in services.items()
    }
    assert all(name in kept[name] for name in services)
    assert [kept[name] for name in AGENTS] == [["shop", name] for name in AGENTS]
    assert all("shop:/srv/git:ro" in services[name]["volumes"] for name in AGENTS)
    assert {volume.split(":")[0] for some in mounted.values() for volume in some} == SETTINGS
    assert [path for path in SETTINGS if not (ROOT / path).is_file()] == []


async def test_the_shop_is_deployed_by_the_agents_file(
    services: dict[str, Any], tmp_path: Path
) -> None:
    """`/deploy shop prod` works as compose.yml starts it: its repository is made, and the agent's
    own file deploys it. Only the folders and the port are others here."""
    program, *words = services["shop"]["entrypoint"]
    assert (program, words) == ("python3", ["-m", "bot.demo.shop", "/srv/git/shop"])
    for _ in range(2):  # again, as after a restart
        argv = (sys.executable, *words[:-1], str(tmp_path / "git"))
        process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT)
        assert await process.wait() == 0
    text = (ROOT / "examples/compose/agent.toml").read_text()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for theirs, ours in (
        ("/var/lib/baton", str(tmp_path / "state")),
        ("/srv/git/shop", str(tmp_path / "git")),
        ("8000", str(port)),
        ("python3", sys.executable),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    (tmp_path / "state").mkdir()
    file = tmp_path / "agent.toml"
    file.write_text(text)
    found = load(AgentSettings, file, {}, {})
    kit = Kit(deploy, settings=found.commands["deploy"], server=Server("prod", fqdn="web-1"))
    try:
        asked = await kit.ask("deploy shop prod", timeout=60.0)
        assert asked.state is State.SUCCEEDED, asked.text
        assert "is live" in asked.text
    finally:
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((tmp_path / "state/shop.pid").read_text()), signal.SIGKILL)


def test_the_bot_may_be_asked_at_once() -> None:
    """The first /deploy is not refused; the bot's own file says that this is for a trial."""
    settings = load_bot(ROOT / "examples/compose/baton.toml", {})
    assert settings.environments["prod"].open
