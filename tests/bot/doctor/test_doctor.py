"""`baton doctor`: a line for each check, the fix beside what is wrong, and the exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiormq
import pytest

from alerts.checks.settings import ProbeTable
from baton.agent.service import Service
from baton.agent.settings import AgentSettings
from baton.api import API
from baton.bus.connect import connect
from baton.channel import Channel
from baton.exchanges import BOT_QUEUE, DEAD, OUTPUT, agent_queue
from baton.extensions import installed
from baton.messages import Discover, Facts, Heartbeat, now
from baton.server import Server
from bot.doctor import examine, is_agents
from bot.doctor.bot import needs
from bot.doctor.bus import agents, bus, leftovers, rights
from bot.doctor.database import database
from bot.doctor.finding import Mark, clocks
from bot.doctor.probes import probes
from bot.store import Store
from bot.store.leases import STRANGERS
from tests.support.broker import Broker
from tests.support.slack_server import SlackServer
from tests.support.wait import until


async def told(file: Path | None = None, **environ: str) -> tuple[int, str]:
    lines: list[str] = []
    code = await examine(file, environ, lines.append, lambda: ["jobs"])
    return code, "\n".join(lines)


def line_of(text: str, what: str) -> str:
    return next(line for line in text.splitlines() if line[6:].startswith(what))


@pytest.fixture
async def agent(amqp_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """An agent called web-1, at work on a real bus."""
    settings = AgentSettings.model_validate(
        {
            "bus": {"url": amqp_url},
            "server": {"environment": "prod", "fqdn": "web-1"},
            "agent": {"state": str(tmp_path / "state"), "drain": 0},
        }
    )
    (tmp_path / "state").mkdir()
    service = await Service.from_settings(settings, installed())
    task = asyncio.create_task(service.run())
    await service.channel.wait_up()
    yield service
    service.stop()
    await task


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
    assert line_of(text, "agents") == "ok    agents     1 heard: web-1"
    assert "baton@" in text
    assert "of-the-tests" not in text


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
    assert "is no folder  Fix: make it" in line_of(text, "database")
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
    assert "2 connections with these tokens are no bot's of this database" in text
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


async def test_database(tmp_path: Path) -> None:
    """A file that is not there is not made; one that is empty is noted."""
    file = tmp_path / "baton.db"
    assert (await database(f"sqlite:///{file}")).mark is Mark.NOTE
    assert not file.exists()
    file.touch()
    assert "is empty" in (await database(f"sqlite:///{file}")).text
    assert (await database("mysql://x/y")).mark is Mark.FAIL
    below = await database(f"sqlite:///{tmp_path}/new/folder/baton.db")
    assert (below.mark, (tmp_path / "new").exists()) == (Mark.NOTE, False)
    nowhere = await database(f"sqlite:///{file}/nosuch/baton.db")
    assert (nowhere.mark, "baton.db is no folder" in nowhere.text) == (Mark.FAIL, True)


async def test_agents_file(amqp_url: str, agent: Service, tmp_path: Path) -> None:
    """An agent's file is known as one: its server, folders and programs are looked at, and whether
    it is heard."""
    file = tmp_path / "agent.toml"
    file.write_text(
        f'[bus]\nurl = "{amqp_url}"\n[server]\nenvironment = "prod"\nfqdn = "web-1"\n'
        f'[agent]\nstate = "{tmp_path}/state"\n'
        f'[deploy.shop]\npath = "{tmp_path}/shop"\nrepository = "/r"\n'
        '[checks.disk]\ncommand = ["sh", "-c", "true"]\n'
        '[probes]\nallow = ["db-1:5432"]\n'
    )
    await until(lambda: _depth(agent.channel))
    code, text = await told(file)
    assert code == 0, text
    assert "web-1 in prod runs shop; does deploy, ping" in line_of(text, "settings")
    for what in ("journal", "shop", "git", "sh", "bus", "queue", "agents"):
        assert line_of(text, what).startswith("ok"), text
    assert "checks: disk; allowed addresses: db-1:5432" in line_of(text, "probes")
    file.write_text(file.read_text().replace("web-1", "web-2").replace('["sh"', '["no-plugin"'))
    code, text = await told(file)
    assert code == 1
    assert "no-plugin  it was not found  Fix: install it, or give its whole path" in text
    assert "web-2, this server, is not among them  Fix: start it" in text


async def _depth(channel: Channel) -> bool:
    return await channel.depth(agent_queue("web-1")) is not None


@pytest.mark.parametrize(
    ("change", "what", "problem"),
    [
        (("environment", "enviroment"), "settings", "id you mean environment?"),
        (("repository", "repo"), "settings", "repo"),
        (("STATE", "/proc/none"), "journal", "/proc/none"),
    ],
)
async def test_agents_file_is_wrong(
    tmp_path: Path, change: tuple[str, str], what: str, problem: str
) -> None:
    """What an agent cannot start with, or cannot work with, is a FAIL that names it."""
    file = tmp_path / "agent.toml"
    text = (
        f'[server]\nenvironment = "prod"\n[agent]\nstate = "STATE"\n'
        f'[deploy.shop]\npath = "{tmp_path}/shop"\nrepository = "/r"\n'
    )
    file.write_text(text.replace(*change).replace("STATE", str(tmp_path)))
    code, said = await told(file)
    assert code == 1
    assert line_of(said, what).startswith("FAIL")
    assert problem in line_of(said, what)


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


def test_clocks() -> None:
    """The clock that is furthest off is named, with which way and by how much."""
    assert clocks({"web-1": 0.4, "web-2": -0.2}, 2.0).mark is Mark.OK
    behind = clocks({"web-1": 0.4, "web-2": -40.2}, 2.0)
    assert behind.mark is Mark.FAIL
    assert "web-2 is 40 s behind this machine" in behind.text
    assert "NTP" in behind.fix
    assert clocks({}, 2.0).mark is Mark.NOTE


async def test_clock_of_an_agent() -> None:
    """A heartbeat that was sent an hour ago by its own clock is an agent with a wrong clock."""
    channel = await connect("memory://doctor-clock")
    await channel.wait_up()

    async def beats() -> None:
        server = Server(environment="prod", fqdn="web-9")
        while True:
            late = now() - timedelta(hours=1)
            beat = Heartbeat(time=late, facts=server.facts(), interval=15)
            await API(channel).publish(OUTPUT, "heartbeat.prod.web-9", beat)
            await asyncio.sleep(0.1)

    beating = asyncio.create_task(beats())
    found = await agents(channel)
    beating.cancel()
    await channel.close()
    assert [finding.mark for finding in found] == [Mark.OK, Mark.FAIL]
    assert "web-9 is 3600 s behind" in found[1].text


async def test_silence(amqp_url: str) -> None:
    """If no heartbeat comes that is a warning, for perhaps none was started yet; agents are asked,
    so nobody waits a whole interval."""
    channel = await connect(amqp_url)
    await channel.wait_up()
    (found,) = await agents(channel, heard_within=0.5)
    await channel.close()
    assert found.mark is Mark.WARN
    assert "baton agent --config" in found.fix


async def test_dead_letters_are_noted(amqp_url: str) -> None:
    """Dead letters are worth a note that says how to look at them."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    assert await leftovers(channel) == []
    await API(channel).publish(DEAD, "x", Discover())
    (found,) = await until(lambda: leftovers(channel))
    await channel.close()
    assert found.mark is Mark.NOTE
    assert "dead: 1 waiting that could not be processed" in found.text
    assert found.fix == "see baton dead list."


def test_probes_that_agents_do() -> None:
    """Each that cannot be done is a FAIL of its own: nobody there, an old agent, no such check."""

    def found(checks: tuple[str, ...] | None, host: str = "web-1") -> list[str]:
        named = [
            ProbeTable(name="disk", host=host, command="disk"),
            ProbeTable(name="shop", host=host, url="http://127.0.0.1/"),
            ProbeTable(name="own", url="http://127.0.0.1/"),
        ]
        facts = Facts(host="web-1", environment="prod", checks=checks)
        return [str(one) for one in probes(named, {"web-1": facts})]

    assert found(("disk",)) == ["ok    probes     2 that agents do"]
    (wrong,) = found(("load",))
    assert "disk: on web-1 its agent knows no check disk: it knows load" in wrong
    assert all("runs no probes  Fix: bring it up to date." in line for line in found(None))
    assert "no agent called web-2 was heard. Did you mean web-1?" in found(("disk",), "web-2")[0]
    assert probes([], {}) == []


async def test_rules_that_fit_nothing_are_warnings(
    amqp_url: str, agent: Service, tmp_path: Path
) -> None:
    """A lock on an environment that nobody is in, a command, a group: each is a line of its own,
    and not all is well; an environment that is open is named."""
    file = tmp_path / "baton.toml"
    file.write_text(
        "[environments.production]\nprotected = true\n"
        '[[allow]]\nwho = ["@nobody"]\ncommands = ["deplyo", "jobs"]\n'
        'environments = ["production"]\n'
    )
    async with SlackServer() as slack:
        environ = {
            "BATON_BUS_URL": amqp_url,
            "BATON_DATABASE_URL": f"sqlite:///{tmp_path / 'baton.db'}",
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.url,
        }
        code, text = await told(file, **environ)
        assert code == 0, text
        for line in (
            "warn  rules      [environments.production]: no server is in it (there are: prod).",
            "warn  rules      [[allow]] rule 1: unknown command deplyo. Did you mean deploy?",
            "warn  rules      [[allow]] rule 1: no server is in environment production",
            "warn  rules      [[allow]] rule 1: user group @nobody is not found in Slack.",
            "warn  rules      prod is closed: no rule names it",
        ):
            assert line in text, text
        assert "unknown command jobs" not in text, "what the bot answers itself is a command"
        assert text.splitlines()[-1].startswith("5 warnings: ")


async def test_a_missing_right_is_told_apart_from_a_missing_queue(
    broker: Broker, amqp_url: str
) -> None:
    """403 is a FAIL that names the queue and the account; 404 is a note that says who makes it.
    Nothing is made by asking."""
    url = broker.user(amqp_url, "nearly")
    pattern = r"^(baton\.(in|out|dead)|bot|bot\.heartbeats|bot\.probed|dead)$"
    broker.grant(url, pattern, pattern, pattern)
    channel = await connect(url)
    await channel.wait_up()
    found = await rights(channel, needs(alerts=True))
    again = await rights(channel, needs(alerts=True))
    await channel.close()
    assert found == again
    failed = [finding for finding in found if finding.mark is Mark.FAIL]
    assert [finding.what for finding in failed] == ["rights"]
    assert "refuses user nearly to declare queue bot.monitor: ACCESS_REFUSED" in failed[0].text
    assert {finding.mark for finding in found if finding not in failed} == {Mark.NOTE}
    assert "bot is not there yet" in str(found[0])


async def test_a_right_to_publish_that_is_missing(broker: Broker, amqp_url: str) -> None:
    """An account that may not ask is a FAIL, though all its queues are well."""
    url = broker.user(amqp_url, "mute")
    every = r"^(baton\..+|bot.*|dead)$"
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    broker.grant(url, every, r"^(baton\.dead|bot.*|dead)$", every)
    mute = await connect(url)
    await mute.wait_up()
    found = await rights(mute, needs(alerts=False))
    await mute.close()
    await channel.close()
    failed = [str(finding) for finding in found if finding.mark is Mark.FAIL]
    assert len(failed) == 2
    assert all("to publish" in line and "on baton.in" in line for line in failed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("baton:baton", "baton:wrong"), "Correct user and password"),
        (("/t", "/no-t"), "rabbitmqctl add_vhost no-t"),
        (("127.0.0.1", "no-such-host.invalid"), "Fix: correct the host name"),
    ],
)
async def test_the_fix_fits_the_failure(amqp_url: str, change: tuple[str, str], said: str) -> None:
    """A password, a virtual host and a name are mended in different ways."""
    async with bus([amqp_url.replace(*change)]) as (channel, found):
        assert channel is None
    assert said in str(found)
    assert "wrong@" not in str(found)


async def test_where_nobody_listens_is_said_in_words() -> None:
    """Not by the number of an error."""
    async with bus(["amqp://u:p@127.0.0.1:1/"]) as (channel, found):
        assert channel is None
    assert "cannot be reached: connection refused  Fix: start RabbitMQ" in str(found)


async def test_queues_of_earlier_versions_are_noted(broker: Broker, amqp_url: str) -> None:
    """Nobody takes from them any more: how much is in each is said, and how it goes."""
    connection = await aiormq.connect(amqp_url)
    await (await connection.channel()).queue_declare("monitor", durable=True)
    channel = await connect(amqp_url)
    await channel.wait_up()
    (found,) = await leftovers(channel)
    await channel.close()
    await connection.close()
    assert found.mark is Mark.NOTE
    assert "rabbitmqctl delete_queue monitor" in found.fix
