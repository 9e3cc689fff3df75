"""A chat in a test: a bot, servers with their agents, and people who type.

    async def test_greeting() -> None:
        async with open_chat(extension, servers={"web-1": (), "web-2": ()}) as chat:
            await chat.says("/greet prod")
            await chat.thread_shows("2 of 2 done")
            chat.server("web-2").fails("disk full")
            await chat.says("/greet prod")
            await chat.thread_shows("disk full")

All of it is real but the chat itself: the bot with its ledger (SQLite), agents that run the
extension, and a bus in memory or RabbitMQ. It needs the extra `bot`: `pip install
'baton-chatops[bot]'`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, Protocol

from baton.bus.messages import Request
from baton.consumer import Extension
from baton.errors import BatonError

OPEN = '[[allow]]\nwho = ["*"]\n'
"""Rules as in baton.toml: everybody may ask everything."""
WITHIN = 10.0
"""Seconds that a test waits for what it expects, unless it says otherwise."""


class ChatNotInstalled(BatonError):
    """A test with a whole chat needs the extra `bot`, and {missing} is not installed: run `pip
    install 'baton-chatops[bot]'`."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the bot answers at once, to the one who typed alone. `job` is the id of the job that was
    started; empty if none was."""

    ok: bool
    text: str
    job: str = ""


class ChatServer(Protocol):
    """A server in the chat, whose agent runs the consumers of the extensions."""

    name: str
    requests: list[Request]
    """Every request that was begun here, in order."""

    def fails(self, text: str) -> None:
        """Let the next run here fail with `text`, whatever its consumer would do."""

    def succeeds(self, text: str = "done") -> None:
        """Let the next run here succeed with `text`, whatever its consumer would do."""

    def hangs(self) -> None:
        """Let the next run here go on until it is cancelled or its time is over."""

    async def goes_silent(self) -> None:
        """Cut this server off: no heartbeat and nothing else leaves it or reaches it."""

    async def comes_back(self) -> None:
        """Connect it again. What was meant for it meanwhile reaches it now."""


class Chat(Protocol):
    """A channel with a bot in it."""

    async def says(self, words: str, *, person: str = "somebody") -> Said:
        """Type `words`, such as `/deploy shop prod`; return what is answered at once.

        What people say in the thread of a job, such as `go on` or `cancel`, is about the last one.
        """

    async def thread_shows(self, text: str, *, within: float = WITHIN) -> None:
        """Wait until the post of the last job, or a message in its thread, contains `text`.

        Raises AssertionError with everything that is shown, after `within` seconds.
        """

    async def channel_shows(self, text: str, *, within: float = WITHIN) -> None:
        """Wait until a message in the channel, outside of threads, contains `text`: an alert, a
        schedule, a job.

        Raises AssertionError as `thread_shows` does.
        """

    def thread(self) -> Sequence[str]:
        """Return the post of the last job, and the messages of its thread."""

    def channel(self) -> Sequence[str]:
        """Return the messages of the channel, outside of threads."""

    def server(self, name: str) -> ChatServer:
        """Return a server. Raises KeyError if there is none of that name."""

    async def passes(self, span: timedelta) -> None:
        """Let `span` pass: schedules come due, deadlines pass, alerts fire or resolve. Servers that
        are not silent send their heartbeats meanwhile.

        A day takes about a second; with alerts, which look every few seconds, an hour takes some.
        """


def open_chat(
    *extensions: Extension,
    servers: Mapping[str, Sequence[str]] | None = None,
    environment: str = "prod",
    settings: Mapping[str, Any] | None = None,
    rules: str = OPEN,
    alerts: str | None = None,
    bus: str = "",
) -> AbstractAsyncContextManager[Chat]:
    """Return a chat in which `extensions`, and everything that is installed, can be asked.

    `servers` are their names, each with the apps on it; by default `web-1`, without any. `settings`
    are the tables of the commands in each agent's settings, `rules` are those of baton.toml, and
    `alerts` is the text of an alerts.toml, if there are to be alerts. `bus` is the URL of a
    RabbitMQ; by default everything is in memory.

    Raises ChatNotInstalled if the extra `bot` is missing, and SettingsError for wrong settings.
    """
    try:
        # the bot is above us, and an agent does not have it: so it is no import of this module
        world = import_module("bot.testing.world")
    except ModuleNotFoundError as error:
        raise ChatNotInstalled(missing=error.name or "a package") from error
    made: AbstractAsyncContextManager[Chat] = world.open_chat(
        extensions,
        servers={"web-1": ()} if servers is None else servers,
        environment=environment,
        settings=settings or {},
        rules=rules,
        alerts=alerts,
        bus=bus,
    )
    return made
