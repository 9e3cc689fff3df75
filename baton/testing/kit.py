"""The kit that authors of extensions test with: ask as people do, and look at what was said.

    kit = Kit(extension, settings={"greeting": "Hello"}, server=Server("prod", fqdn="web-1"))

    def test_words() -> None:
        assert kit.parses("greet Ann --loud") == Greet(whom="Ann", loud=True)

    async def test_greeting() -> None:
        asked = await kit.ask("greet Ann")
        assert asked.state is State.SUCCEEDED
        assert asked.text == "Hello, Ann"

The consumer runs as it does on an agent, in this process, without a bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue
from typing_extensions import override

from baton.agent.perform import perform
from baton.agent.service import set_up_consumers
from baton.agent.verdicts import Verdict
from baton.bus.facts import Facts
from baton.bus.messages import Message, Person, Pong, Request, State, Update, new_id, now
from baton.command import Command, Known, KnownServer
from baton.consumer import Consumer, Extension
from baton.errors import ExtensionError
from baton.extensions import Commands
from baton.observer import Observer
from baton.outcome import Answer
from baton.run import Run
from baton.server import Server

SOMEBODY = Person(id="U_TEST", name="somebody")


class Asked(Observer):
    """An `Asked` is one request in a test, from its start to its end."""

    def __init__(self, consumer: Consumer[Any], request: Request, command: Command) -> None:
        self.messages: list[Message] = []
        """Everything that was said, in order."""
        self.command = command
        self._asked: Verdict | None = None
        self._run = Run(
            request,
            command,
            host=consumer.server.fqdn,
            observers=(self,),
            attributes=consumer.attributes,
        )
        self._task = asyncio.create_task(self._perform(consumer), name=command.title())

    @override
    def notify(self, message: Message) -> None:
        """Record what the run reports."""
        self.messages.append(message)

    @property
    def updates(self) -> list[Update]:
        """Return everything that was reported, except a pong."""
        return [message for message in self.messages if isinstance(message, Update)]

    @property
    def state(self) -> State:
        """Return its state; after its end, how it ended."""
        if self.pong is not None:
            return State.SUCCEEDED
        return self.updates[-1].state if self.updates else State.SENT

    @property
    def text(self) -> str:
        """Return the last text that was reported, except raw output."""
        said = [update.text for update in self.updates if update.level != "log"]
        return said[-1] if said else ""

    @property
    def said(self) -> list[str]:
        """Return all texts that were reported, except raw output."""
        return [update.text for update in self.updates if update.level != "log" and update.text]

    @property
    def log(self) -> str:
        """Return the whole raw output."""
        return "\n".join(update.text for update in self.updates if update.level == "log")

    @property
    def percents(self) -> list[int]:
        """Return the positions of the progress bar, in order."""
        return [update.percent for update in self.updates if update.percent is not None]

    @property
    def steps(self) -> list[str]:
        """Return the steps, in order, each once."""
        return list(dict.fromkeys(update.step for update in self.updates if update.step))

    @property
    def facts(self) -> Mapping[str, JsonValue]:
        """Return the facts of the last update."""
        return self.updates[-1].facts if self.updates else {}

    @property
    def pong(self) -> Pong | None:
        """Return the pong that answered it; None if there is none."""
        pongs = [message for message in self.messages if isinstance(message, Pong)]
        return pongs[-1] if pongs else None

    def cancel(self) -> None:
        """Cancel it, as somebody in chat does. Wait for its end with `ended()`."""
        self._asked = Verdict(State.CANCELLED, "cancelled")
        self._task.cancel()

    async def ended(self) -> Asked:
        """Return itself once it has ended."""
        await asyncio.wait([self._task])
        return self

    async def _perform(self, consumer: Consumer[Any]) -> None:
        self._run.accept()
        self.notify(await perform(consumer, self._run, lambda: self._asked))


class Kit:
    """A kit holds one extension on one server. `settings` is its table in an agent's settings.

    Raises SettingsError if the settings are invalid, as an agent does when it starts.
    """

    def __init__(
        self,
        extension: Extension,
        *,
        settings: Mapping[str, Any] | None = None,
        server: Server | None = None,
        person: Person = SOMEBODY,
    ) -> None:
        self._commands = Commands([extension])
        self._name = extension.command.name
        self._person = person
        consumer = extension.consumer
        table = self._name if consumer is None else consumer.settings_table or self._name
        tables = {} if settings is None else {table: settings}
        server = server or Server("prod", fqdn="web-1")
        self.server, self.consumers = set_up_consumers(server, self._commands, tables, "settings")

    def parses(self, text: str) -> Command:
        """Return the command that `text` requests. Raises UsageError, as whoever typed it reads
        it."""
        return self._commands.parse(text)

    async def ask(self, text: str, *, timeout: float | None = None) -> Asked:
        """Request `text` of this server, and wait for the end."""
        return await self.start(text, timeout=timeout).ended()

    def start(self, text: str, *, timeout: float | None = None) -> Asked:
        """Request `text` of this server; what it returns can be watched and cancelled.

        `timeout` is in seconds, by default the command's own. Raises UsageError, and ExtensionError
        if no server runs this command.
        """
        command = self.parses(text)
        if not self.consumers:
            raise ExtensionError(name=self._name, reason="it has no consumer: use answers()")
        request = Request(
            job=new_id(),
            command=command.name,
            arguments=command.model_dump(mode="json"),
            environment=self.server.environment,
            host=self.server.fqdn,
            deadline=now() + timedelta(seconds=command.accept_within),
            timeout=timeout or command.timeout,
            requester=self._person,
        )
        command = type(command).from_arguments(request.arguments)
        return Asked(self.consumers[0], request, command)

    def answers(
        self, text: str, servers: Sequence[KnownServer] = (), *, blind_since: datetime | None = None
    ) -> Answer:
        """Return what the bot answers itself if it knows `servers` and has had no link since
        `blind_since`."""
        return self.parses(text).answer(_Known(servers, blind_since))


class _Known(Known):
    def __init__(self, servers: Sequence[KnownServer], blind_since: datetime | None) -> None:
        self._servers = servers
        self._blind_since = blind_since

    @property
    @override
    def blind_since(self) -> datetime | None:
        return self._blind_since

    @override
    def servers(self) -> Sequence[KnownServer]:
        return self._servers


def seen(host: str, environment: str = "prod", *apps: str, silent: float = 0.0) -> KnownServer:
    """Return a server as the bot knows it; after a minute without a heartbeat it is missing."""
    facts = Facts(host=host, environment=environment, apps=apps, version="2.0.0")
    return KnownServer(facts, silent, missing=silent > 60)
