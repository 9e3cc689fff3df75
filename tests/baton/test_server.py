"""Facts about a server: from its settings and a facts file."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from baton.errors import SettingsError
from baton.server import Server, own_name
from baton.settings import ServerTable
from baton.version import baton_version


def discovered(**table: Any) -> Server:
    return Server.discover(ServerTable(**table), file="agent.toml")


@pytest.mark.parametrize(
    "facts",
    [
        {"fqdn": "web-1.example.org", "chef_environment": "prod", "apps": ["shop", "billing"]},
        {"fqdn": "web-1.example.org", "chef_environment": "Prod", "trebuchet": ["shop", "billing"]},
        {
            "networking": {"fqdn": "web-1.example.org"},
            "agent_specified_environment": "prod",
            "app_names": "billing shop",
        },
    ],
)
def test_facts_of_ohai_and_facter(tmp_path: Path, facts: dict[str, Any]) -> None:
    """Both ways of writing them are understood, and the Ruby Baton's; an environment is in lower
    case."""
    (file := tmp_path / "facts.json").write_text(json.dumps(facts))
    server = discovered(facts_file=file)
    assert (server.fqdn, server.environment) == ("web-1.example.org", "prod")
    assert server.app_names == ("billing", "shop")


def test_the_table_counts_more_than_the_facts(tmp_path: Path) -> None:
    """Key by key."""
    (file := tmp_path / "facts.json").write_text(
        json.dumps({"fqdn": "web-1", "environment": "stage"})
    )
    server = discovered(facts_file=file, environment="prod")
    assert (server.fqdn, server.environment) == ("web-1", "prod")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "agent.toml: server.facts_file: {file} cannot be read"),
        ("{", "agent.toml: server.facts_file: {file} cannot be read"),
        ("[]", "agent.toml: server.facts_file: {file} holds no object"),
        ('{"environment": "a b"}', "{file}: server.environment: invalid value 'a b'"),
    ],
)
def test_wrong_facts(tmp_path: Path, content: str | None, said: str) -> None:
    """A facts file that was named must be right."""
    file = tmp_path / "facts.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as raised:
        discovered(facts_file=file, environment=None)
    assert str(raised.value).startswith(said.format(file=file))


def test_a_server_needs_an_environment() -> None:
    """It is the one thing that cannot be guessed."""
    with pytest.raises(SettingsError, match=r"server\.environment: is not set.*BATON_ENVIRONMENT"):
        discovered(fqdn="web-1")


def test_a_name_is_better_than_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers must not share an inbox because neither can resolve its own name."""
    monkeypatch.setattr(socket, "getfqdn", lambda: "localhost.localdomain")
    monkeypatch.setattr(socket, "gethostname", lambda: "web-1")
    assert own_name() == "web-1"
    assert discovered(environment="prod").fqdn == "web-1"
    monkeypatch.setattr(socket, "getfqdn", lambda: "web-1.example.org")
    assert own_name() == "web-1.example.org"


def test_what_it_says_of_itself() -> None:
    """Apps that commands bring are its own, each once; facts name the version."""
    server = Server("prod", "web-1", ("shop",), details={"rack": 7}).running(["shop", "billing"])
    facts = server.facts(["ping", "deploy"])
    assert facts.apps == ("billing", "shop")
    assert facts.commands == ("deploy", "ping")
    assert facts.version == baton_version()
    assert facts.details["rack"] == 7
    assert {"system", "release", "cores", "pid"} <= facts.details.keys()


@pytest.mark.parametrize("name", ["-x", "web 1", "x" * 300, "wéb-1"])
def test_a_machine_whose_name_nobody_would_take_does_not_start(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It says so at the start, instead of being refused wherever it speaks."""
    monkeypatch.setattr(socket, "getfqdn", lambda: name)
    with pytest.raises(
        SettingsError, match=r"agent\.toml: server\.fqdn: is not set, and this mach"
    ):
        discovered(environment="prod")
    assert discovered(environment="prod", fqdn="web_1").fqdn == "web_1"


def test_a_machine_with_an_underscore_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many have one, whatever DNS says."""
    monkeypatch.setattr(socket, "getfqdn", lambda: "web_1.example.org")
    assert discovered(environment="prod").fqdn == "web_1.example.org"
