"""Settings of an agent: what is wrong is said with its key, its place and what it must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.errors import SettingsError
from baton.settings import Table, load, validated


def written(folder: Path, text: str) -> Path:
    file = folder / "agent.toml"
    file.write_text(text)
    return file


def loaded(file: Path | None, **environ: str) -> AgentSettings:
    return load(AgentSettings, file, AGENT_VARIABLES, environ)


def test_a_whole_file(tmp_path: Path) -> None:
    """Tables that are not the agent's own are those of commands."""
    file = written(
        tmp_path,
        """
        [bus]
        url = ["amqp://a", "amqps://b"]
        [server]
        environment = "prod"
        apps = ["shop"]
        [agent]
        heartbeat = 5
        [deploy.shop]
        path = "/srv/shop"
        """,
    )
    settings = loaded(file)
    assert settings.bus.urls == ["amqp://a", "amqps://b"]
    assert settings.server.apps == ("shop",)
    assert (settings.agent.heartbeat, settings.agent.drain) == (5.0, 30.0)
    assert settings.commands == {"deploy": {"shop": {"path": "/srv/shop"}}}


def test_variables_count_more_than_the_file(tmp_path: Path) -> None:
    """Key by key; what no variable names stays as the file has it, and an empty one is none."""
    file = written(
        tmp_path,
        '[bus]\nurl = "amqp://a"\n[server]\nenvironment = "prod"\nfqdn = "web-1"\n'
        "[agent]\nheartbeat = 5\n",
    )
    settings = loaded(
        file,
        BATON_BUS_URL="amqp://b, amqp://c",
        BATON_STATE="/tmp/state",
        BATON_ENVIRONMENT="stage",
        BATON_FQDN="",
        BATON_APPS="shop, billing",
    )
    assert settings.bus.urls == ["amqp://b", "amqp://c"]
    assert settings.agent.state == Path("/tmp/state")
    assert settings.agent.heartbeat == 5
    assert settings.server.environment == "stage"
    assert settings.server.fqdn == "web-1"
    assert settings.server.apps == ("shop", "billing")


def test_no_file_is_needed() -> None:
    """The environment alone will do."""
    assert loaded(None, BATON_BUS_URL="memory://x").bus.urls == ["memory://x"]


WRONG = [
    (
        '[server]\nfqdn = "-x"',
        "server.fqdn: invalid value '-x'. It must be letters, digits, dots, - and _, not beginning",
    ),
    ("[agent]\nheartbeat = 0", "agent.heartbeat: invalid value 0. It must be greater than 0."),
    (
        '[agent]\nheartbeat = "often"',
        "agent.heartbeat: invalid value 'often'. It must be a number.",
    ),
    ("[agent]\nheartbeet = 5", "agent.heartbeet: there is no such key (did you mean heartbeat?). "),
    ("[agent]\nxyz = 5", "agent.xyz: there is no such key. It must be one of drain, heartbeat, "),
    ("[agent]\nmost_runs = 1.5", "agent.most_runs: invalid value 1.5. It must be a whole number."),
    ("agent = 5", "agent: invalid value 5. It must be a table."),
    ('[server]\nenvironment = "a/b"', "server.environment: invalid value 'a/b'. It must"),
    ('[server]\napps = ["shop", "no good"]', "server.apps.1: invalid value 'no good'."),
    ("[server]\nenviroment = 'prod'", "no such key (did you mean environment?)"),
    ("[bus]\nurl = 5", "bus.url: invalid value. It must be a URL such as"),
    ('bus = "amqp://u:SECRET@h"', "bus: invalid value. It must be a table."),
    ("[bus]\nurl = [1, 2]", "bus.url.0: invalid value. It must be text, in quotes."),
    ("[bus]\nurl = 'x\n", "the file itself: it is not valid TOML"),
    ("[bus]\n[bus]\n", "the file itself: it is not valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_setting_says_what_it_must_be(tmp_path: Path, text: str, said: str) -> None:
    """File, key, what was wrong, what it must be, and what was perhaps meant; never a secret."""
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        loaded(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert said in str(raised.value)
    assert "SECRET" not in str(raised.value)
    assert raised.value.permanent


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Or is a folder, or no text: each is said."""
    with pytest.raises(SettingsError, match="there is no such file"):
        loaded(tmp_path / "agent.toml")
    with pytest.raises(SettingsError, match=r"it cannot be read \(Is a directory\)"):
        loaded(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="it is not valid TOML"):
        loaded(tmp_path / "binary")


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """Whoever reads it must not look for it in the file."""
    file = written(tmp_path, '[server]\nenvironment = "prod"\n')
    with pytest.raises(SettingsError) as raised:
        loaded(file, BATON_ENVIRONMENT="no good")
    said = "the environment variable BATON_ENVIRONMENT: server.environment: invalid value 'no good'"
    assert str(raised.value).startswith(said)


class Login(Table):
    """What a command might want."""

    user: str
    pin: SecretStr = SecretStr("")
    keys: dict[str, SecretStr] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"user": 5, "pin": "4711"}, "login.user: invalid value 5"),
        ({"user": "ann", "pin": 4711}, "login.pin: invalid value"),
        ({"user": "ann", "keys": {"a": 4711}}, "login.keys.a: invalid value"),
        ({"user": "ann", "keys": 4711}, "login.keys: invalid value"),
        (4711, "login: invalid value"),
        ({}, "login.user: is not set. It must be given: it has no default."),
        ({"usr": "ann"}, "login.usr: there is no such key (did you mean user?)."),
    ],
)
def test_secrets_are_known_by_their_type(table: object, said: str) -> None:
    """Not by what their key is called: none is shown, whatever holds it."""
    with pytest.raises(SettingsError) as raised:
        validated(Login, table, file="agent.toml", key="login")
    assert str(raised.value).startswith(f"agent.toml: {said}")
    assert "4711" not in str(raised.value)


def test_secrets_are_not_shown_by_settings_themselves(tmp_path: Path) -> None:
    """They may be logged."""
    settings = loaded(written(tmp_path, '[bus]\nurl = "amqp://u:SECRET@h"'))
    assert "SECRET" not in repr(settings)
    assert "SECRET" not in settings.model_dump_json()
