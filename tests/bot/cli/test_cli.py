"""The command line: what each subcommand needs, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tomllib
from asyncio.subprocess import PIPE
from pathlib import Path

import aiormq
import pytest
import structlog

from baton.version import baton_version
from baton_slack_testing import SlackServer
from bot.cli import REFUSED
from bot.cli.extra import EXTRA
from tests.bot.cli.program import WITHOUT_EXTRA, ran, reads, started

ROOT = Path(__file__).resolve().parents[3]


def agents_file(folder: Path, bus: str = "memory://cli") -> Path:
    file = folder / "agent.toml"
    file.write_text(
        f'[bus]\nurl = "{bus}"\n[server]\nenvironment = "prod"\nfqdn = "web-1"\n'
        f'[agent]\nstate = "{folder}"\n'
    )
    return file


async def test_version() -> None:
    """`baton version` says which version is installed, and so does `--version`."""
    for word in ("version", "--version"):
        assert await ran(word) == (0, f"baton {baton_version()}\n", "")


async def test_help_names_every_subcommand() -> None:
    """`baton` alone shows what there is, in whole sentences."""
    _, out, err = await ran()
    assert "..." not in (out + err).partition("Commands:")[2]
    for name in ("demo", "bot", "agent", "doctor", "dead", "version", "ask", "login"):
        assert f"\n  {name} " in out + err


async def test_no_package_that_draws_tracebacks_is_loaded() -> None:
    """rich would cost an agent 7 MB of memory."""
    program = "import bot.cli, httpx, sys; print('rich' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=PIPE)
    out, _ = await process.communicate()
    assert out == b"False\n"
    assert vars(structlog.dev)["rich"] is None, "nor do tests wait for it"


async def test_an_agent_loads_nothing_of_a_client() -> None:
    """Neither `baton.client` nor what only it needs: an agent stays small."""
    program = (
        "import sys, bot.cli, baton.agent.service, baton.extensions, commands.probes\n"
        "baton.extensions.installed()\n"
        "print({'baton.client', 'httpx_sse', 'rich'} & set(sys.modules))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=PIPE)
    out, _ = await process.communicate()
    assert out == b"set()\n"


async def test_agent_needs_no_extra(tmp_path: Path) -> None:
    """An agent starts without Slack, web and SQL packages, and SIGTERM ends it in good order."""
    file = agents_file(tmp_path)
    process = await started("agent", "--config", str(file), before=WITHOUT_EXTRA)
    await reads(process, "agent started")
    status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
    handled = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    assert handled is not None
    # it takes in orphans: it hears of the end of children (proc_pid_status(5))
    assert int(handled[1], 16) & 1 << (signal.SIGCHLD - 1)
    process.send_signal(signal.SIGTERM)
    await reads(process, "agent stopped")
    assert await process.wait() == 0


async def test_an_agents_doctor_needs_no_extra(tmp_path: Path) -> None:
    """As README has it, on a server that has what an agent needs and no more. Before the first
    start nothing is wrong: the code is 0, for whoever has it run by a script."""
    soon = "import bot.doctor.bus_checks as checks; checks.HEARTBEAT_TIMEOUT = 0.5"
    code, out, err = await ran(
        "doctor", "--config", str(agents_file(tmp_path)), before=WITHOUT_EXTRA + soon
    )
    assert (code, err) == (0, "")
    assert "warn  agents     web-1 did not respond within" in out
    assert out.rstrip().endswith("1 warning: see each line that begins with warn.")


def test_the_extra_is_named_whole() -> None:
    """What `baton bot` says it needs is what the extra installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        re.split(r"[\[<>=~! ;]", each)[0].lower().replace("-", "_")
        for each in project["optional-dependencies"]["bot"]
    }
    called = {"google_re2": "re2"}
    assert {called.get(name, name) for name in wanted} == set(EXTRA)


@pytest.mark.parametrize("command", ["bot", "demo"])
async def test_extra_is_missing(command: str) -> None:
    """Without its packages a subcommand says in one line how to install them."""
    code, out, err = await ran(command, before=WITHOUT_EXTRA)
    assert (code, out) == (2, "")
    assert "pip install '.[bot]' -c constraints.txt" in err
    assert "pip install 'baton-chatops" not in err  # no name that others could take on an index
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        (("bot",), {}, "bus.url: is not set"),
        (("bot",), {"BATON_BUS_URL": "amqp://x"}, "slack.bot_token: is not set"),
        (("bot", "--config", "/no/such"), {}, "/no/such: the file itself: there is no such file"),
        (("agent",), {"BATON_BUS_URL": "memory://x"}, "server.environment: is not set"),
        (("agent",), {"BATON_ENVIRONMENT": "prod"}, "bus.url: is not set"),
        (("dead", "list"), {}, "bus.url: is not set"),
    ],
)
async def test_wrong_settings_are_one_line(
    words: tuple[str, ...], env: dict[str, str], told: str
) -> None:
    """What is wrong with the settings is one line without a traceback, and exit code 2."""
    code, out, err = await ran(*words, **env)
    assert (code, out) == (2, "")
    assert err.startswith("baton: ")
    assert told in err
    assert err.count("\n") == 1


async def test_nothing_starts_half_way(tmp_path: Path) -> None:
    """A bot whose tokens are swapped makes no database and connects to nothing."""
    database = tmp_path / "baton.db"
    code, _, err = await ran(
        "bot",
        BATON_BUS_URL="memory://x",
        BATON_DATABASE_URL=f"sqlite:///{database}",
        SLACK_BOT_TOKEN="xapp-1",
        SLACK_APP_TOKEN="xoxb-1",
        BATON_WEB_ENABLE="no",
    )
    assert code == 2
    assert "unknown environment variable BATON_WEB_ENABLE: did you mean BATON_WEB_ENABLED?" in err
    assert "begins with xoxb- (this one is the app_token)" in err
    assert os.listdir(tmp_path) == []


async def test_log_forms(tmp_path: Path) -> None:
    """The log is logfmt by itself where no terminal is, JSON if asked for, and `error` is quiet."""
    file = agents_file(tmp_path)
    process = await started("agent", "-c", str(file))
    assert 'event="agent started"' in await reads(process, "agent started")
    process.terminate()
    await process.communicate()
    process = await started("agent", "-c", str(file), BATON_LOG_FORMAT="json", BATON_STAT="/x")
    first, *_, last = map(json.loads, (await reads(process, "agent started")).splitlines())
    assert last["server"] == "web-1"
    assert first["level"] == "warning"
    assert first["event"] == "unknown environment variable BATON_STAT: did you mean BATON_STATE?"
    process.terminate()
    await process.communicate()


async def test_bot_from_start_to_end(amqp_url: str, tmp_path: Path) -> None:
    """`baton bot` takes what is typed in Slack, and SIGTERM ends it in good order."""
    file = tmp_path / "baton.toml"
    file.write_text(
        f'[bus]\nurl = "{amqp_url}"\n[database]\nurl = "sqlite:///{tmp_path}/baton.db"\n'
    )
    async with SlackServer() as slack:
        process = await started("bot", "--config", str(file), **slack.env)
        await slack.connected(2)
        reply = await slack.person("U_ANN").slash("/servers", channel="C_OPS")
        assert reply.ephemeral is not None
        assert "No server has sent a heartbeat yet" in reply.ephemeral
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert b"Traceback" not in err
    assert b"xoxb-" not in err
    assert b"xapp-" not in err


async def test_bot_with_tokens_that_slack_does_not_take(amqp_url: str, tmp_path: Path) -> None:
    """A bot that Slack does not let in says so in one line, and ends with exit code 2."""
    async with SlackServer() as slack:
        env = {**slack.env, "SLACK_BOT_TOKEN": "xoxb-unknown", "BATON_LOG_LEVEL": "error"}
        code, _, err = await ran(
            "bot",
            BATON_BUS_URL=amqp_url,
            BATON_DATABASE_URL=f"sqlite:///{tmp_path}/baton.db",
            **env,
        )
    assert code == 2
    assert err.startswith("baton: Slack rejected the login of the bot: SLACK_BOT_TOKEN")
    assert err.count("\n") == 1


@pytest.mark.parametrize("typed", ["deploy", "/ping", "docter"])
async def test_a_command_that_is_not_here(typed: str, tmp_path: Path) -> None:
    """Who types a command of the chat into a shell, and has no console, reads where it is asked;
    who mistyped one of ours reads which."""
    code, out, err = await ran(typed, "shop", "prod", HOME=str(tmp_path), XDG_CONFIG_HOME="")
    name = typed.removeprefix("/")
    assert (code, out) == (2, "")
    assert f"This program has no command “{name}”" in err
    assert f"type /{name} in Slack" in err
    assert "`baton login URL`" in err
    assert ("Did you mean doctor?" in err) == (name == "docter")
    assert err.count("\n") == 1


async def test_an_agent_whose_queue_is_another_ends(amqp_url: str, tmp_path: Path) -> None:
    """A classic queue of its name is no passing outage: one line says so, and the exit code."""
    connection = await aiormq.connect(amqp_url)
    await (await connection.channel()).queue_declare("agent.web-3", durable=True)
    code, _, err = await ran(
        "agent",
        BATON_BUS_URL=amqp_url,
        BATON_ENVIRONMENT="prod",
        BATON_FQDN="web-3",
        BATON_STATE=str(tmp_path),
    )
    await connection.close()
    assert code == REFUSED
    assert "baton: The queue agent.web-3 exists with other settings" in err
    assert "Delete it" in err.splitlines()[-1]


async def test_a_wrong_password_ends_an_agent(amqp_url: str, tmp_path: Path) -> None:
    """It says what to correct, and nothing of the password."""
    code, _, err = await ran(
        "agent",
        BATON_BUS_URL=amqp_url.replace("baton:baton", "baton:s3cret"),
        BATON_ENVIRONMENT="prod",
        BATON_FQDN="web-3",
        BATON_STATE=str(tmp_path),
    )
    assert code == REFUSED
    assert "refuses user baton to log in" in err
    assert "Correct user and password" in err
    assert "s3cret" not in err


async def test_a_url_that_cannot_be_read_ends_at_once(tmp_path: Path) -> None:
    """Neither an agent nor doctor shows any of it."""
    url = "amqp://u:pa1/ss2@127.0.0.1:1/"
    for words in (("agent",), ("doctor",), ("dead", "list")):
        code, out, err = await ran(
            *words,
            BATON_BUS_URL=url,
            BATON_ENVIRONMENT="prod",
            BATON_FQDN="web-3",
            BATON_STATE=str(tmp_path),
        )
        assert code
        assert "%2F" in out + err
        assert "pa1" not in out + err
        assert "ss2" not in out + err
