"""The command line: what each subcommand needs, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tomllib
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import aiormq
import pytest

from baton.api import API
from baton.bus.connect import connect
from baton.channel import Delivery, Envelope
from baton.exchanges import DEAD, HEARTBEAT_QUEUE, INPUT, OUTPUT, agent_queue, host_key
from baton.messages import Heartbeat, Person, Request, encode, now
from baton.server import Server, baton_version
from bot.cli import EXTRA, REFUSED
from bot.dead import Letter, letter, why_not
from tests.support.slack_server import SlackServer
from tests.support.wait import until

ROOT = Path(__file__).resolve().parent.parent
MAIN = "from bot.cli import main; main()"
WITHOUT_EXTRA = """
import sys
from bot.cli import EXTRA
for name in EXTRA:
    sys.modules[name] = None
"""


def environment(**more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BATON_", "SLACK_"))
    }
    return {**kept, "BATON_WEB_PORT": "0", **more}


async def started(*words: str, before: str = "", **env: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"{before}\n{MAIN}",
        *words,
        env=environment(**env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def ran(*words: str, before: str = "", **env: str) -> tuple[int, str, str]:
    process = await started(*words, before=before, **env)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def reads(process: Process, text: str) -> str:
    """What the process logs, up to a line that holds `text`."""
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(60):
        while text not in said:
            line = (await process.stderr.readline()).decode()
            assert line, f"it ended, having said: {said}"
            said += line
    return said


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
    for name in ("demo", "bot", "agent", "doctor", "dead", "version"):
        assert f"\n  {name} " in out + err


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
    code, out, err = await ran(
        "doctor", "--config", str(agents_file(tmp_path)), before=WITHOUT_EXTRA
    )
    assert (code, err) == (0, "")
    assert "warn  agents     web-1 did not respond within" in out
    assert out.rstrip().endswith("1 warning: look at each line that begins with warn.")


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


async def test_dead_letters(amqp_url: str) -> None:
    """Dead letters are listed and stay; one that is sent again goes where it was bound for."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    letter = Request(
        id="r1",
        job="j1",
        command="ping",
        environment="prod",
        host="web-1",
        deadline=now() + timedelta(minutes=5),
        requester=Person(id="U_ANN"),
    )
    headers = {"baton-reason": "nobody knows why", "baton-key": host_key("web-1")}
    envelope = Envelope(encode(letter), "r1", letter.type, "j1", headers=headers)
    await channel.publish(DEAD, "x", envelope)
    other = Envelope(b"not JSON", "r2", "?", headers={"baton-reason": "it is not JSON"})
    await channel.publish(DEAD, "y", other)
    for _ in range(2):
        code, out, err = await ran("dead", "list", BATON_BUS_URL=amqp_url)
        assert (code, err) == (0, "")
        first = "r1  baton.request of job j1, for host.web-1, from an unknown sender"
        assert out.index(first) < out.index("r2  ?")
        assert "nobody knows why" in out
    code, _, err = await ran("dead", "resend", "r1", BATON_BUS_URL=amqp_url)
    assert code == 1
    assert "not sent: r1: Nobody is listening" in err
    await channel.declare(agent_queue("web-1"), [(INPUT, host_key("web-1"))])
    code, out, err = await ran("dead", "resend", "r1", "r9", BATON_BUS_URL=amqp_url)
    assert (code, out) == (1, "sent again: r1  baton.request, to host.web-1\n")
    assert err == "no such letter: r9\n"
    came: list[Delivery] = []

    async def take(delivery: Delivery) -> None:
        await delivery.ack()
        came.append(delivery)

    await channel.consume(agent_queue("web-1"), take)
    await until(lambda: came)
    assert came[0].envelope.id == "r1"
    assert "baton-reason" not in came[0].envelope.headers
    code, out, _ = await ran("dead", "list", BATON_BUS_URL=amqp_url)
    assert "r2" in out
    assert "r1" not in out
    await channel.close()


async def test_dead_letters_of_agents(amqp_url: str) -> None:
    """What an agent said and nobody took goes back to the output exchange."""
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    await channel.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
    beat = Heartbeat(id="h1", facts=Server(environment="prod", fqdn="web-1").facts(), interval=5)
    await API(channel).publish(DEAD, "heartbeat.prod.web-1", beat)
    code, out, err = await ran("dead", "resend", "--all", BATON_BUS_URL=amqp_url)
    assert (code, err) == (0, "")
    assert "sent again: h1" in out
    assert await channel.depth(HEARTBEAT_QUEUE) == 1
    await channel.close()


async def _dead(bus: str, *letters: tuple[Request, Mapping[str, str]]) -> None:
    channel = await connect(bus, owner=True)
    await channel.wait_up()
    await channel.declare(agent_queue("web-1"), [(INPUT, host_key("web-1"))])
    for one, headers in letters:
        envelope = Envelope(encode(one), one.id, one.type, one.job, headers=headers)
        await channel.publish(DEAD, host_key("web-1"), envelope)
    await channel.close()


def _asked(name: str, seconds: float = 300.0) -> Request:
    return Request(
        id=name,
        job="j1",
        command="deploy",
        arguments={"app": "shop", "environment": "prod"},
        environment="prod",
        host="web-1",
        deadline=now() + timedelta(seconds=seconds),
        requester=Person(id="U_ANN"),
    )


async def test_an_order_is_no_part_of_all(amqp_url: str) -> None:
    """--all sends no request that is not proven to be the bot's own, and its own only if agreed
    to; whoever wrote the others, they are named with whom they would ask what."""
    said = {"baton-reason": "x", "baton-user": "baton"}
    forged = {"baton-reason": "x", "baton-user": "agent.web-2"}
    await _dead(amqp_url, (_asked("r1"), said), (_asked("r2"), forged), (_asked("r3"), {}))
    code, out, _ = await ran("dead", "list", BATON_BUS_URL=amqp_url)
    assert "r2  baton.request of job j1, for host.web-1, from agent.web-2" in out
    code, out, err = await ran("dead", "resend", "--all", BATON_BUS_URL=amqp_url)
    assert code == 1  # nobody is there to agree
    assert "Send again to web-1: deploy app=shop environment=prod, for U_ANN" in out
    code, out, err = await ran("dead", "resend", "--all", "--yes", BATON_BUS_URL=amqp_url)
    assert code == 1
    assert [line.split()[2] for line in out.splitlines()] == ["r1", "r3"]
    assert "not sent: r2: it has servers do something, and is not proven to be from us" in err
    code, out, err = await ran("dead", "resend", "r2", BATON_BUS_URL=amqp_url)
    assert (code, err) == (0, "")


async def test_what_is_too_late_stays_dead(amqp_url: str) -> None:
    """A request past its deadline is not sent again, by its id or with all; the rest is."""
    beat = Heartbeat(id="h1", facts=Server(environment="prod", fqdn="web-1").facts(), interval=5)
    await _dead(amqp_url, (_asked("old", -1.0), {}))
    channel = await connect(amqp_url, owner=True)
    await channel.wait_up()
    await channel.declare(HEARTBEAT_QUEUE, [(OUTPUT, "heartbeat.#")])
    await channel.publish(DEAD, "alert.x", Envelope(b"not JSON", "bad", "?"))
    await API(channel).publish(DEAD, "heartbeat.prod.web-1", beat)
    out = ""
    for words in (("old",), ("--all", "--yes")):
        code, out, err = await ran("dead", "resend", *words, BATON_BUS_URL=amqp_url)
        assert code == 1
        assert "not sent: old: it had to be done by" in err
    assert "sent again: h1" in out
    assert await channel.depth(agent_queue("web-1")) == 0
    await channel.close()


def test_a_letter_of_an_agent_proves_nothing_of_others() -> None:
    """That something is from the bot, only the bot or RabbitMQ itself can say; and an ID that two
    letters have picks none that is not proven."""
    body = encode(_asked("r1"))

    def read(account: str, **headers: str) -> Letter:
        named = {f"baton-{name}": value for name, value in headers.items()}
        envelope = Envelope(body, "r1", headers=named, user=account)
        return letter(cast("Delivery", SimpleNamespace(key="k", envelope=envelope)), "bot")

    assert read("bot").ours
    assert read("bot", reason="x", user="bot").ours
    for other in (
        read("agent.web-1"),
        read(""),
        read("agent.web-1", reason="x", user="bot"),
        read("", reason="x", user="bot"),
        read("bot", reason="x", user="agent.web-1"),
        read("bot", reason="x"),
    ):
        assert not other.ours
        assert why_not(other, (), (), now())
        assert not why_not(other, ["r1"], (), now())
        assert why_not(other, ["r1"], ["r1"], now())
    assert read("agent.web-1", reason="x", user="bot").sender == "bot (says agent.web-1)"


async def test_dead_without_a_bus() -> None:
    """A bus that does not answer is said to be so, in one line."""
    code, _, err = await ran("dead", "list", BATON_BUS_URL="amqp://127.0.0.1:1/")
    assert code == 2
    assert "No connection to the message bus" in err
    assert err.count("\n") == 1


async def test_resend_needs_to_know_which() -> None:
    """Neither ids nor --all, or both: nothing is sent."""
    code, _, err = await ran("dead", "resend", BATON_BUS_URL="memory://x")
    assert code == 2
    assert "--all" in err


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
        assert "No server has been heard yet" in reply.ephemeral
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
    assert err.startswith("baton: Slack does not let the bot in: SLACK_BOT_TOKEN")
    assert err.count("\n") == 1


@pytest.mark.parametrize("typed", ["deploy", "/ping"])
async def test_what_is_asked_in_chat_is_said_to_be(typed: str) -> None:
    """Who types a command of the chat into a shell hears where it is asked."""
    code, out, err = await ran(typed, "shop", "prod")
    assert (code, out) == (2, "")
    assert f"/{typed.removeprefix('/')} in Slack" in err
    assert err.count("\n") == 1


async def test_a_dead_letter_obeys_nobody() -> None:
    """Two lines, whatever its sender wrote: no escape sequence and no forged line."""
    nasty = "a\x1b]0;title\x07b\r\nok    bus   all is well\u202e\x9b31m"
    delivery = SimpleNamespace(
        key=nasty,
        envelope=Envelope(
            b"", id=nasty, type=nasty, correlation=nasty, headers={"baton-reason": nasty * 1000}
        ),
    )
    lines = str(letter(cast("Delivery", delivery))).split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("ok") for line in lines)
    assert len(lines[1]) < 600


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
