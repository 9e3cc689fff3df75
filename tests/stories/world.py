"""A team with its Slack, its bus, its bot and its servers, in which a test reads like the chat.

async with World(broker, tmp_path) as world:
    await world.starts("web-1", "web-2")
    await world.ann.slash("/deploy shop prod")
    post = await world.ends("succeeded")
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from baton_slack_testing import Message, Person, Reply, SlackServer
from tests.stories.ledger import Ledger
from tests.stories.processes import Process
from tests.stories.shop import make_shop
from tests.support.accounts import Accounts
from tests.support.broker import Broker
from tests.support.policy import OPEN_TOML
from tests.support.ports import free_port
from tests.support.tables import sqlite_file
from tests.support.wait import until

CHANNEL = "C_OPS"
OPEN = ("queued", "sent", "accepted", "running")


class Asker:
    """Somebody in the channel."""

    def __init__(self, person: Person) -> None:
        self.person = person

    async def slash(self, line: str) -> Reply:
        """Type a slash command."""
        return await self.person.slash(line, channel=CHANNEL)

    async def says(self, text: str, *, under: Message | None = None) -> Message:
        """Say something in the channel, or in the thread `under` a message."""
        return await self.person.says(text, channel=CHANNEL, thread_ts=under.ts if under else None)

    async def clicks(self, message: Message, action: str) -> Reply:
        """Press a button."""
        return await self.person.clicks(message, f"baton_{action}")


class Agent:
    """A server with its disk, and the agent on it."""

    def __init__(self, world: World, name: str, **agent: Any) -> None:
        self.name = name
        self.disk = world.folder / name
        self.disk.mkdir()
        self._world = world
        self._settings = agent
        self.process = self._started()

    @property
    def starts(self) -> int:
        """How often a build was started here."""
        file = self.disk / "starts"
        return len(file.read_text().splitlines()) if file.exists() else 0

    @property
    def building(self) -> bool:
        """Whether the newest build, its process group that is, is there."""
        file = self.disk / "starts"
        return self.starts > 0 and Path(f"/proc/{file.read_text().split()[-1]}").exists()

    @property
    def live(self) -> str | None:
        """The version that the link `current` leads to; None if it leads nowhere."""
        file = self.disk / "srv" / "current" / "VERSION"
        return file.read_text().strip() if file.exists() else None

    def falls_sick(self, version: str) -> None:
        """From now on `version` fails its health check here."""
        (self.disk / f"sick-of-{version}").touch()

    def restart(self, python: Iterable[str] = ()) -> None:
        """Start the agent again."""
        self.process = self._started(python)

    def _started(self, python: Iterable[str] = ()) -> Process:
        world, disk = self._world, self.disk
        agent = {"state": str(disk), "heartbeat": 1.0, "drain": 10.0, **self._settings}
        app = {
            "path": str(disk / "srv"),
            "repository": str(world.repository),
            "ref": "main",
            "steps": [["sh", "build.sh"], ["sh", "test.sh"]],
            "restart": ["sh", "restart.sh"],
            "grace": 1.0,
        }
        tables = {
            "bus": {"url": world.accounts.agent(self.name)},
            "server": {"environment": "prod", "fqdn": self.name},
            "agent": agent,
            "deploy.shop": app,
            "deploy.shop.health": {
                "command": ["sh", "health.sh"],
                "timeout": 2.0,
                "interval": 0.1,
            },
            "deploy.shop.env": {"DISK": str(disk), "WORLD": str(world.folder)},
        }
        config = written(disk / "agent.toml", tables)
        return world.keeps(
            Process("agent", config, log=world.folder / f"{self.name}.log", python=tuple(python))
        )


class World:
    """All of it. `ledger` is one other than an SQLite file, which is there with its tables."""

    def __init__(
        self,
        broker: Broker,
        folder: Path,
        *,
        ledger: Ledger | None = None,
        policy: str = OPEN_TOML,
        alerts: str = "",
    ) -> None:
        self.broker = broker
        self.folder = folder
        self.slack = SlackServer()
        self.ann = Asker(self.slack.person("U_ANN", name="ann"))
        self.ben = Asker(self.slack.person("U_BEN", name="ben"))
        self.ledger = ledger or Ledger.sqlite(folder / "baton.db")
        self.admin = broker.vhost()
        """The URL of an account that may do everything."""
        self.accounts = Accounts(broker, self.admin)
        self.bus = self.accounts.bot
        self.repository = folder / "shop.git"
        self.agents: dict[str, Agent] = {}
        self.bots: list[Process] = []
        self._policy = policy
        self._alerts = alerts
        self._processes: list[Process] = []

    async def __aenter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        if self._alerts:
            (self.folder / "alerts.toml").write_text(self._alerts)
        await asyncio.to_thread(make_shop, self.repository)
        if self.ledger.url == f"sqlite:///{self.folder}/baton.db":
            tables = await asyncio.to_thread(sqlite_file)
            (self.folder / "baton.db").write_bytes(tables)
        await self.slack.up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.end()
        if error is not None:
            error.add_note(self.story())
        else:
            print(self.story())  # shown if the test failed
        try:
            await self.slack.__aexit__(kind, error, trace)
        finally:
            if self.broker.running:
                self.broker.drop(self.bus)
            shutil.rmtree(self.folder / "shop.git", ignore_errors=True)

    def story(self) -> str:
        """What Slack shows and what everybody logged, for a test that failed."""
        logs = [
            f"--- {file.name}\n{file.read_text(errors='replace')[-4000:]}"
            for file in sorted(self.folder.glob("*.log"))
        ]
        return "\n".join([self.slack.workspace.transcript(), *logs])

    def keeps(self, process: Process) -> Process:
        """End `process` with the world."""
        self._processes.append(process)
        return process

    # -- who is there

    def bot(self, name: str = "bot", *, bus: str = "") -> Process:
        """Start a bot."""
        tables = {
            "bus": {"url": bus or self.bus},
            "database": {"url": self.ledger.url},
            "bot": {"name": name},
        }
        config = written(self.folder / f"{name}.toml", tables, self._policy)
        log = self.folder / f"{name}.log"
        env = {**self.slack.env, "BATON_WEB_PORT": str(free_port())}
        if self._alerts:
            env["BATON_ALERTS_FILE"] = str(self.folder / "alerts.toml")
        self.bots.append(self.keeps(Process("bot", config, log=log, env=env)))
        return self.bots[-1]

    def agent(self, name: str, **agent: Any) -> Agent:
        """Start an agent on a new server; `agent` is for its table of that name."""
        made = self.agents[name] = Agent(self, name, **agent)
        return made

    async def starts(self, *servers: str, bus: str = "") -> Process:
        """Start a bot and the agents of `servers`, and wait until it knows them all."""
        bot = self.bot(bus=bus)
        for name in servers:
            self.agent(name)
        await self.sees(*servers)
        return bot

    async def sees(self, *servers: str) -> None:
        """Wait until a bot is connected to Slack and has heard all `servers`."""

        def seen() -> bool:
            assert self.bots[-1].running, f"the bot has ended:\n{self.bots[-1].log}"
            there = set(servers) <= self.ledger.servers()
            return there and len(self.slack.socket.connections) >= 2

        await until(seen, every=0.05)

    # -- what happens

    def hold(self, *, talk: bool = False) -> None:
        """Let every build wait from now on, silently or with `talk`: some 20 lines a second."""
        (self.folder / "hold").touch()
        if talk:
            (self.folder / "talk").touch()

    def go_on(self) -> None:
        """Let the builds that wait, and all later ones, go on."""
        (self.folder / "hold").unlink()

    async def building(self, *servers: str) -> None:
        """Wait until a build runs on each of `servers` (all, if none is named)."""
        await until(lambda: all(self.agents[name].building for name in servers or self.agents))

    async def bot_dies(self) -> None:
        """kill -9 of the newest bot; returns when Slack has seen that it is gone."""
        self.bots[-1].kill()
        await self.slack.until(lambda: not self.slack.socket.connections)

    def queued(self, queue: str) -> int:
        """How many messages are in a queue of the bus, those that somebody holds included."""
        # What the management shows is up to 5 s old: the queue itself is asked.
        count = "fun rabbit_fifo:query_messages_total/1"
        ask = f"{{ok, N, _}} = ra:consistent_query(amqqueue:get_pid(Q), {count}), N"
        return int(self._of_queue(queue, ask))

    def unlink(self, queue: str) -> None:
        """Delete a queue of the bus, as an operator would."""
        self._of_queue(queue, 'rabbit_amqqueue:delete(Q, false, false, <<"baton">>), ok')

    def _of_queue(self, queue: str, what: str) -> str:
        name = f'rabbit_misc:r(<<"{self.bus.rpartition("/")[2]}">>, queue, <<"{queue}">>)'
        return self.broker.eval(
            f"(fun() -> {{ok, Q}} = rabbit_amqqueue:lookup({name}), {what} end)()."
        )

    # -- what is shown

    @property
    def posts(self) -> list[Message]:
        """The bot's messages in the channel, but those of a thread that are shown there too."""
        shown = self.slack.channel(CHANNEL).by_ts.values()
        return [message for message in shown if message.bot and message.thread_ts is None]

    @property
    def broadcasts(self) -> list[Message]:
        """What was said aloud: messages of a thread that the channel shows too."""
        shown = self.slack.channel(CHANNEL).by_ts.values()
        return [message for message in shown if message.bot and message.broadcast]

    def thread(self, post: Message) -> dict[str, Message]:
        """The bot's words under `post`, by the server that they are of, but broadcasts."""
        return {
            key_of(message).partition("/")[2]: message
            for message in self.slack.channel(CHANNEL).thread(post.ts)
            if message.bot and not message.broadcast
        }

    async def shows(self, *words: str, timeout: float = 60) -> Message:
        """Wait until the newest post says all of `words`; returns it."""

        def found() -> Message | None:
            newest = self.posts[-1] if self.posts else None
            return newest if newest and all(word in newest.plain for word in words) else None

        return (await self.slack.until(found, timeout)) or self.posts[-1]

    async def ends(self, state: str, *, jobs: int = 1, timeout: float = 100) -> Message:
        """Wait until all is told; check what must always hold, and that the newest of so many
        `jobs` ended as `state`. Returns its post."""
        try:
            await until(lambda: self.ledger.told() == jobs, timeout, every=0.05)
        except AssertionError as error:
            error.add_note(f"jobs told: {self.ledger.told()} of {jobs}")
            raise
        assert len(self.posts) == jobs, f"{len(self.posts)} posts for {jobs} jobs"
        self.check()
        assert head_of(self.posts[-1]).startswith(f"{state}:"), head_of(self.posts[-1])
        return self.posts[-1]

    def check(self) -> None:
        """Said once, and said truly: no message twice, and the posts equal the ledger."""
        shown = self.slack.channel(CHANNEL).by_ts.values()
        keys = [key_of(message) for message in shown if message.bot]
        assert len(keys) == len(set(keys)), f"said twice: {sorted(keys)}"
        for post in self.posts:
            states = self.ledger.states(key_of(post))
            assert cards_of(post) == states
            assert not [state for state in states.values() if state in OPEN]
            assert "Cancel" not in post.plain
            for host, words in self.thread(post).items():
                job = key_of(post)[:6]
                assert f" {states[host]} {job}  {host}: " in words.plain.split("\n")[0]


def key_of(message: Message) -> str:
    """The name that the bot gave to a message of its own."""
    assert message.metadata is not None
    return str(message.metadata["event_payload"]["key"])


def head_of(post: Message) -> str:
    """The line of a job's post that says how it stands."""
    return next(str(block["title"]) for block in post.blocks if block["type"] == "plan")


def cards_of(post: Message) -> dict[str, str]:
    """The state of each server, as the cards of a job's post have it."""
    plan = next(block for block in post.blocks if block["type"] == "plan")
    cards = (str(card["title"]).partition(": ") for card in plan["tasks"])
    return {host: state for host, _, state in cards}


def written(file: Path, tables: dict[str, dict[str, Any]], more: str = "") -> Path:
    """`tables` as a TOML file."""
    lines = []
    for table, values in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    file.write_text("\n".join([*lines, more, ""]))
    return file
