"""`baton doctor`: a line for each check, the fix beside what is wrong, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.agent.service import Service
from baton.bus.connect import connect
from baton.bus.exchanges import BOT_QUEUE, OUTPUT
from baton_slack_testing import SlackServer
from bot.doctor import is_agents
from bot.store import Store
from bot.store.leases import STRANGERS
from tests.bot.doctor.report import line_of, told


async def test_all_is_well(amqp_url: str, agent: Service, tmp_path: Path) -> None:
    """With everything in place each check is `ok`, the last line says so, and the code is 0."""
    ledger = f"sqlite:///{tmp_path / 'baton.db'}"
    file = tmp_path / "baton.toml"
    file.write_text('[environments.prod]\nopen = true\n[[allow]]\nwho = ["@oncall"]\n')
    await (await Store.open(ledger)).close()
    channel = await connect(amqp_url)
    await channel.wait_up()
    await channel.declare(BOT_QUEUE, [(OUTPUT, "update.#")])
    async with SlackServer() as slack:
        slack.add_group("S_ONCALL", "oncall", ["U_ANN"])
        code, text = await told(
            file,
            BATON_BUS_URL=amqp_url,
            BATON_DATABASE_URL=ledger,
            SLACK_BOT_TOKEN=slack.bot_token,
            SLACK_APP_TOKEN=slack.app_token,
            SLACK_API_URL=slack.url,
        )
    await channel.close()
    assert code == 0, text
    assert text.endswith("All checks passed.")
    for what in ("settings", "tokens", "scopes", "clock", "socket", "database", "bus", "queue"):
        assert line_of(text, what).startswith("ok"), text
    assert "RabbitMQ 3." in line_of(text, "bus") or "RabbitMQ 4." in line_of(text, "bus")
    assert line_of(text, "agents") == "ok    agents     1 responded: web-1"
    assert "baton@" in text
    assert "of-the-tests" not in text


@pytest.mark.usefixtures("impatient")
async def test_everything_is_wrong(tmp_path: Path) -> None:
    """Each thing that is missing is a FAIL of its own with its fix, and the code is 1."""
    (tmp_path / "no").touch()
    ledger = tmp_path / "no" / "baton.db"
    code, text = await told(
        BATON_BUS_URL="amqp://u:secret@127.0.0.1:1/", BATON_DATABASE_URL=f"sqlite:///{ledger}"
    )
    assert code == 1
    assert "slack.bot_token is not set  Fix: " in text
    assert "slack.app_token is not set  Fix: " in text
    assert line_of(text, "bus").startswith("FAIL")
    assert "Fix: start RabbitMQ" in line_of(text, "bus")
    assert "is not a folder  Fix: make it" in line_of(text, "database")
    assert text.endswith("4 checks failed.")
    assert "secret" not in text
    assert ledger.parent.is_file()


async def test_others_with_our_tokens(tmp_path: Path) -> None:
    """What a bot of this database has seen is passed on; looking ourselves would take what people
    ask. Our clock is compared with Slack's."""
    url = f"sqlite:///{tmp_path / 'baton.db'}"
    store = await Store.open(url)
    await store.leases.take(STRANGERS, "2", 60.0)
    await store.close()
    async with SlackServer() as slack:
        slack.workspace.behind = 180.0
        code, text = await told(
            BATON_DATABASE_URL=url,
            SLACK_BOT_TOKEN=slack.bot_token,
            SLACK_APP_TOKEN=slack.app_token,
            SLACK_API_URL=slack.url,
        )
        assert slack.socket.opened == 0
    assert code == 1
    assert "2 connections with these tokens belong to no bot of this database" in text
    assert line_of(text, "clock").startswith("FAIL")
    assert "our clock is 180 s ahead of Slack's" in text


async def test_tokens(tmp_path: Path) -> None:
    """Slack's own word on the tokens and the scopes is passed on, with where to find new ones."""
    ledger = f"sqlite:///{tmp_path}/x.db"
    async with SlackServer(scopes=("commands",)) as slack:

        async def answer(bot: str, app: str) -> str:
            tokens = {"SLACK_BOT_TOKEN": bot, "SLACK_APP_TOKEN": app}
            environ = {"SLACK_API_URL": slack.url, "BATON_DATABASE_URL": ledger, **tokens}
            return (await told(None, **environ))[1]

        text = await answer(slack.bot_token, slack.app_token)
        assert line_of(text, "scopes").startswith("FAIL")
        assert "chat:write" in line_of(text, "scopes")
        text = await answer("xoxb-unknown", slack.app_token)
        assert line_of(text, "tokens").startswith("FAIL")
        assert "SLACK_BOT_TOKEN" in line_of(text, "tokens")
        text = await answer(slack.bot_token, "xapp-unknown")
        assert line_of(text, "socket").startswith("FAIL")
        assert "SLACK_APP_TOKEN" in line_of(text, "socket")


@pytest.mark.parametrize(
    ("text", "agents_own"),
    [
        ('[slack]\nbot_token = "x"', False),
        ('[bus]\nurl = "x"', False),
        ('[server]\nenvironment = "prod"', True),
        ('[bus]\nurl = "x"\n[deploy.shop]\npath = "/x"', True),
        ("not = [TOML", False),
        ("", False),
        ('[slak]\nbot_token = "x"', False),
        ("[web]\nport = 8080", False),
        ('[server]\nenvironment = "prod"\n[slack]\nbot_token = "x"', False),
    ],
)
def test_whose_file_it_is(tmp_path: Path, text: str, agents_own: bool) -> None:
    """A file with a table that only an agent knows, and none that only a bot knows, is an
    agent's."""
    file = tmp_path / "x.toml"
    file.write_text(text)
    assert is_agents(file, {}) is agents_own


def test_whose_environment_it_is() -> None:
    """Where no table says whose it is, a server's environment variable makes it an agent's."""
    assert is_agents(None, {"BATON_ENVIRONMENT": "prod"})
    assert not is_agents(None, {})
