"""The bot's settings: a file, the environment over it, and errors that say what to do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from alerts import AlertSettings, load_alerts
from alerts.settings import parse_alerts
from baton.agent.service import set_up_consumers
from baton.agent.settings import AGENT_VARIABLES, AgentSettings
from baton.errors import SettingsError
from baton.extensions import installed
from baton.server import Server
from baton.settings import load
from bot.dispatch.policy import EnvironmentTable
from bot.settings import SLACK_API, BotSettings, complete, load_bot

EXAMPLES = Path(__file__).parents[2] / "examples"


def written(folder: Path, text: str) -> Path:
    file = folder / "baton.toml"
    file.write_text(text)
    return file


def test_example_of_the_bot() -> None:
    """examples/baton.toml loads, and shows the defaults that it claims to show."""
    settings = load_bot(EXAMPLES / "baton.toml", {})
    assert settings.bus.urls == ["amqp://baton:baton@localhost:5672/"]
    assert settings.environments["prod"] == EnvironmentTable(ask="#operations")
    assert [rule.commands for rule in settings.allow] == [("deploy",), ("alerts", "log")]
    assert settings.bot == load_bot(None, {}).bot
    assert settings.limits == load_bot(None, {}).limits


def test_example_of_alerts() -> None:
    """examples/alerts.toml loads, and shows the defaults that it claims to show."""
    shown = load_alerts(EXAMPLES / "alerts.toml")
    assert shown == AlertSettings(channel=shown.channel)


def test_what_the_examples_leave_out() -> None:
    """What is commented out in an example loads too, as it stands there."""
    alerts = parse_alerts(uncommented(EXAMPLES / "alerts.toml"))
    assert [(probe.kind, probe.host) for probe in alerts.probe] == [
        ("http", None),
        ("command", "web-1.example.com"),
    ]
    agent = tomllib.loads(uncommented(EXAMPLES / "agent.toml"))
    checks = AgentSettings.model_validate({"checks": agent["checks"]}).checks
    assert checks[alerts.probe[1].command or ""].timeout == 10.0


def uncommented(file: Path) -> str:
    """What `file` says without the marks before its tables and keys."""
    return re.sub(r"(?m)^# (?=\[|\w+ = )", "", file.read_text())


def test_example_of_an_agent() -> None:
    """examples/agent.toml loads, each table of a command too, and shows the defaults."""
    settings = load(AgentSettings, EXAMPLES / "agent.toml", AGENT_VARIABLES, {})
    server = Server.discover(settings.server, file="agent.toml")
    server, consumers = set_up_consumers(server, installed(), settings.commands, "agent.toml")
    assert server.environment == "prod"
    assert "shop" in server.app_names
    assert {consumer.consumer_name for consumer in consumers} == {"deploy", "ping", "rollback"}
    assert settings.agent == load(AgentSettings, None, AGENT_VARIABLES, {}).agent


def test_environment_counts_more_than_the_file(tmp_path: Path) -> None:
    """Each of the five variables overrides its key; the rest of the file stays."""
    file = written(tmp_path, '[bus]\nurl = "amqp://file"\n[bot]\nname = "b2"\n')
    settings = load_bot(
        file,
        {
            "BATON_BUS_URL": "amqps://one, amqps://two",
            "BATON_DATABASE_URL": "postgresql://db/baton",
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SLACK_APP_TOKEN": "xapp-1",
            "SLACK_API_URL": "http://127.0.0.1:1/api",
        },
    )
    assert settings.bus.urls == ["amqps://one", "amqps://two"]
    assert settings.database.url.get_secret_value() == "postgresql://db/baton"
    assert settings.slack.bot_token.get_secret_value() == "xoxb-1"
    assert settings.slack.app_token.get_secret_value() == "xapp-1"
    assert settings.slack.api_url == "http://127.0.0.1:1/api/"
    assert settings.bot.name == "b2"
    assert complete(settings, file) is settings


def test_defaults() -> None:
    """With nothing said: a SQLite file, Slack's own address, and no rules."""
    settings = load_bot(None, {})
    assert settings.database.url.get_secret_value() == "sqlite:///baton.db"
    assert settings.slack.api_url == SLACK_API
    assert not settings.allow


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[slack]\nbot_tokn = "x"', ["slack.bot_tokn", "did you mean bot_token?"]),
        ('[slak]\nbot_token = "x"', ["slak", "did you mean slack?"]),
        ("[bot]\nretention_days = 0", ["bot.retention_days", "invalid value 0", "greater than"]),
        ('[[allow]]\nwho = []\ncommands = ["*"]', ["[[allow]] rule 1: who"]),
        ('[[allow]]\nwho = ["*"]\napp = ["*"]', ["[[allow]] rule 1: app", "did you mean apps?"]),
        (
            '[[allow]]\nwho = ["*"]\n[[allow]]\nwho = ["U_ANN", "on call"]',
            ["[[allow]] rule 2: who, number 2", "'on call'", "user groups by handle (@oncall)"],
        ),
        (
            "[environments.prod]\nopen = true\nprotected = true",
            ["environments.prod", "not both"],
        ),
        ("[limits]\nburst = 0", ["limits.burst"]),
        ("[environments.prod]\nprotect = true", ["protect", "did you mean protected?"]),
        ('[slack]\napi_url = "slack.com"', ["slack.api_url", "a URL such as"]),
        ('[web]\nurl = "baton.example.com"', ["web.url", "such as https://baton.example.com"]),
        ('[web]\nurl = "https://b.example/x"', ["web.url", "without a path"]),
        ('[web]\nurl = "https://u:p@b.example"', ["web.url", "without a path"]),
        ('[web]\nurl = "https://b.example:x"', ["web.url", "without a path"]),
        (
            '[web]\nurl = "http://b.example"\n[web.slack_openid]\nclient_id = "1"\n'
            'client_secret = "2"',
            ["web", "only with a url that begins with https://"],
        ),
        (
            '[web]\nurl = "https://b.example"\n[web.slack_openid]\nclient_id = "1"',
            ["web.slack_openid.client_secret", "is not set"],
        ),
    ],
)
def test_wrong_key_is_named(tmp_path: Path, text: str, told: list[str]) -> None:
    """A wrong setting names the file, its key and what it must be."""
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        load_bot(file, {})
    for part in [str(file), *told]:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:9"),
        ('address = "0.0.0.0"', ""),
        ('address = "0.0.0.0"\nurl = "https://Baton.example.com/"', "https://baton.example.com"),
        ('url = "http://10.0.0.1:8080"', "http://10.0.0.1:8080"),
    ],
)
def test_where_people_open_the_console(tmp_path: Path, text: str, url: str) -> None:
    """Where it listens, if only this machine reaches that; else what somebody has set."""
    web = load_bot(written(tmp_path, f"[web]\n{text}"), {}).web
    assert web.console
    assert web.console_url("http://127.0.0.1:9") == url


def test_swapped_tokens() -> None:
    """Tokens that were swapped are said to be so, and neither is shown."""
    with pytest.raises(SettingsError) as raised:
        load_bot(None, {"SLACK_BOT_TOKEN": "xapp-secret", "SLACK_APP_TOKEN": "xoxb-secret"})
    message = str(raised.value)
    assert "SLACK_BOT_TOKEN" in message
    assert "begins with xoxb- (this one is the app_token)" in message
    assert "secret" not in message


def test_what_has_no_default(tmp_path: Path) -> None:
    """A bot without a bus or without tokens does not start; the first thing missing is named."""
    file = written(tmp_path, "")
    with pytest.raises(SettingsError, match=r"bus\.url: is not set.*BATON_BUS_URL"):
        complete(load_bot(file, {}), file)
    with pytest.raises(SettingsError, match=r"slack\.bot_token: is not set.*xoxb-"):
        complete(load_bot(file, {"BATON_BUS_URL": "amqp://x"}), file)


def test_variables_of_others_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment that happens to be called as a table sets nothing."""
    for name in ("SERVER", "AGENT", "CHECKS", "BUS", "BOT", "WEB", "ALLOW"):
        monkeypatch.setenv(name, "jenkins")
    assert AgentSettings.model_validate({}) == AgentSettings()
    assert AgentSettings().server.fqdn is None
    assert BotSettings().bot.name == "bot"
