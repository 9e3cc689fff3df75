"""An installation by README's own lines: two clean environments, accounts with exactly the rights
that it grants, `baton init`, `baton doctor`, and then a first /ping and /deploy from Slack."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from baton_slack_testing import SlackServer
from tests.stories.shop import make_shop
from tests.support.broker import Broker
from tests.support.guard import Guarded
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SERVER = "web-1.example.com"
KEPT = re.compile(r"(pip|uv|https?|no|ssl|requests)_", re.IGNORECASE)
"""Variables of package clients: how this machine reaches its packages."""


@dataclass
class Installation:
    """A folder with an empty HOME and a virtual environment. What runs in it has no other
    variables than those that are given."""

    folder: Path
    extra: str

    @property
    def baton(self) -> Path:
        """The program."""
        return self.folder / "opt/bin/baton"

    def environment(self, **more: str) -> dict[str, str]:
        """A bare one."""
        kept = {name: value for name, value in os.environ.items() if KEPT.match(name)}
        path = f"{self.baton.parent}:{os.environ['PATH']}"
        return {**kept, "PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **more}

    async def make(self) -> None:
        """As README says it, but for the folder."""
        (line,) = re.findall(
            rf"^ *(python3 -m venv /opt/baton .*'?\.{self.extra}'? .*)$", README, re.M
        )
        line = line.partition("#")[0].replace("/opt/baton", str(self.folder / "opt"))
        self.folder.mkdir()
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", line, cwd=ROOT, env=self.environment(), stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-3000:]

    async def add_extension(self) -> None:
        """Install examples/extension beside Baton, and run its tests, as its author would."""
        copy = self.folder / "acme-disk"
        await asyncio.to_thread(shutil.copytree, ROOT / "examples" / "extension", copy)
        constraints = shlex.quote(str(ROOT / "constraints.txt"))
        line = f"python -m pip install -q -c {constraints} '.[test]' && python -m pytest -q"
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", line, cwd=copy, env=self.environment(), stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-3000:]

    async def runs(self, *words: str, **more: str) -> tuple[int, str]:
        """`baton WORDS` in the folder: its exit code, and what it says."""
        process = await asyncio.create_subprocess_exec(
            self.baton,
            *words,
            cwd=self.folder,
            env=self.environment(**more),
            stdout=PIPE,
            stderr=STDOUT,
        )
        async with asyncio.timeout(90):
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    @asynccontextmanager
    async def started(self, *words: str, **more: str) -> AsyncIterator[Guarded]:
        """`baton WORDS`, until it is ended."""
        log = self.folder / f"{words[0]}.log"
        guarded = Guarded(
            [self.baton, *words], log=log, env=self.environment(**more), cwd=self.folder
        )
        try:
            yield guarded
        except BaseException as error:
            error.add_note(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            guarded.end()


async def accounts(broker: Broker, url: str) -> dict[str, str]:
    """The accounts that README makes, in the virtual host of `url`: the URL of each, by name."""
    vhost = url.rpartition("/")[2]
    lines = re.findall(r"^rabbitmqctl (.*)$", README, re.M)
    assert lines
    made: dict[str, str] = {}
    for line in lines:
        words = [vhost if word == "baton" else word for word in shlex.split(line)]
        if words[0] == "add_vhost":
            continue
        if words[0] == "add_user":
            made[words[1]] = f"amqp://{words[1]}:PASSWORD@127.0.0.1:{broker.port}/{vhost}"
        await broker.ctl(*words)
    return made


@pytest.mark.timeout(900)
async def test_by_the_lines_of_readme(broker: Broker, tmp_path: Path) -> None:
    """Whoever does what README says has a bot and an agent that work, each with no more rights and
    packages than they need; and doctor says so before and after the start."""
    agent, bot = Installation(tmp_path / "agent", ""), Installation(tmp_path / "bot", r"\[bot\]")
    await agent.make()
    await bot.make()
    users = await accounts(broker, broker.vhost())
    assert set(users) == {"bot", f"agent.{SERVER}", "reader"}
    site = next((agent.folder / "opt/lib").glob("python3*/site-packages"))
    for package in ("slack_bolt", "sqlalchemy", "fastapi", "re2"):
        assert not (site / package).exists()

    await agent.add_extension()
    await bot.add_extension()

    for_agent = {"BATON_BUS_URL": users[f"agent.{SERVER}"], "BATON_FQDN": SERVER}
    for_agent |= {"BATON_STATE": str(agent.folder / "state")}
    await _configure_agent(agent)
    code, said = await agent.runs("doctor", "--config", "agent.toml", **for_agent)
    assert code == 0, said
    assert "Traceback" not in said

    async with SlackServer() as slack:
        for_bot = {
            **slack.env,
            "BATON_BUS_URL": users["bot"],
            "BATON_DATABASE_URL": f"sqlite:///{bot.folder}/var/lib/baton/baton.db",
            "BATON_ALERTS_FILE": "alerts.toml",
            "BATON_WEB_PORT": "0",
        }
        await _configure_bot(bot)
        code, said = await bot.runs("doctor", "--config", "baton.toml", **for_bot)
        assert code == 0, said

        async with (
            bot.started("bot", "--config", "baton.toml", **for_bot) as one,
            agent.started("agent", "--config", "agent.toml", **for_agent) as two,
        ):
            ann = slack.person("U_ANN", name="ann")
            await until(lambda: len(slack.socket.connections) >= 2, 60)

            async def heard() -> bool:
                assert one.running
                assert two.running
                reply = await ann.slash("/servers", channel="C_OPS")
                return SERVER in (reply.ephemeral or "")

            await until(heard, 60, every=2.0)
            for line, end in (
                ("/ping prod", "1 of 1 answered"),
                ("/deploy shop prod", "on 1 of 1"),
                ("/baton disk prod", "of / is used"),
            ):
                await ann.slash(line, channel="C_OPS")
                await slack.until(
                    lambda end=end: any(  # type: ignore[misc]
                        end in message.plain for message in slack.channel("C_OPS").by_ts.values()
                    ),
                    60,
                )
            assert (agent.folder / "srv/current/VERSION").read_text() == "v2\n"

            for where, words, env in (
                (agent, ("doctor", "--config", "agent.toml"), for_agent),
                (bot, ("doctor", "--config", "baton.toml"), for_bot),
                (bot, ("dead", "list"), {"BATON_BUS_URL": users["reader"]}),
            ):
                code, said = await where.runs(*words, **env)
                assert code == 0, said
                assert "FAIL" not in said
                assert "Traceback" not in said
            assert "There are no dead letters." in said


async def _configure_agent(agent: Installation) -> None:
    code, said = await agent.runs("init", "agent")
    assert code == 0, said
    await asyncio.to_thread(make_shop, agent.folder / "shop.git")
    file = agent.folder / "agent.toml"
    kept = file.read_text().partition("[deploy.shop]")[0]
    app = {
        "path": str(agent.folder / "srv"),
        "repository": str(agent.folder / "shop.git"),
        "steps": [["sh", "build.sh"], ["sh", "test.sh"]],
        "restart": ["sh", "restart.sh"],
    }
    rows = [f"{key} = {json.dumps(value)}" for key, value in app.items()]
    disk = json.dumps(str(agent.folder))
    rows += [
        f"env = {{ DISK = {disk}, WORLD = {disk} }}",
        'health = { command = ["sh", "health.sh"] }',
    ]
    file.write_text(kept + "\n".join(["[deploy.shop]", *rows, ""]))


async def _configure_bot(bot: Installation) -> None:
    code, said = await bot.runs("init", "bot")
    assert code == 0, said
    file = bot.folder / "baton.toml"
    file.write_text(file.read_text().replace("U0123ABCD", "U_ANN"))
    alerts = bot.folder / "alerts.toml"
    alerts.write_text(alerts.read_text().replace("C0123ABCD", "C_OPS"))
