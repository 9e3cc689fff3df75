"""A whole chat in a test: what it shows is what a real bot, ledger and agents make of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import ClassVar

import pytest
from typing_extensions import override

from baton import Command, Consumer, Extension, Name, Run
from baton.command import Reach
from baton.errors import SettingsError
from baton.testing import Chat, open_chat
from baton.testing.whole_chat import OPEN, ChatNotInstalled


class Greet(Command):
    """Greet everybody in an environment."""

    name: ClassVar[str] = "greet"
    environment: Name


class Greeter(Consumer[Greet]):
    """Greets."""

    command: ClassVar[type[Command]] = Greet

    @override
    async def process_message(self, run: Run[Greet]) -> None:
        """Say it."""
        run.notify_info("clearing the throat", step="prepare", percent=10)
        run.notify_log("hm")
        run.notify_success(f"hello from {run.host}")


extension = Extension(Greet, Greeter)
TWO = {"web-1": (), "web-2": ()}


async def test_it_reads_like_chat() -> None:
    """What is typed runs on real agents, and its thread shows how each ended."""
    async with open_chat(extension, servers=TWO) as chat:
        said = await chat.says("/greet prod")
        assert said.ok
        assert said.job
        await chat.thread_shows("2 of 2 done")
        await chat.thread_shows("hello from web-1")
        chat.server("web-2").fails("disk full")
        await chat.says("greet prod")
        await chat.thread_shows("web-2: failed disk full")
        await chat.thread_shows("1 of 2 succeeded, 1 failed")
        assert [len(chat.server(name).requests) for name in TWO] == [2, 2]
        assert len(chat.channel()) >= 2


async def test_wrong_words_are_answered_at_once() -> None:
    """Nobody else reads it, nothing runs, and there is no thread to look at."""
    async with open_chat(extension) as chat:
        said = await chat.says("/greet")
        assert (said.ok, said.job) == (False, "")
        assert "ENVIRONMENT is missing" in said.text
        said = await chat.says("/servers")
        assert "web-1" in said.text
        assert chat.channel() == []
        with pytest.raises(AssertionError, match="no job was started"):
            await chat.thread_shows("done")


async def test_what_is_not_shown_fails_with_what_is() -> None:
    """Whoever reads the failure of their test sees the thread."""
    async with open_chat(extension) as chat:
        await chat.says("greet prod")
        await chat.thread_shows("1 of 1 done")
        with pytest.raises(AssertionError, match=r"does not show 'bye'(.|\n)*hello from web-1"):
            await chat.thread_shows("bye", within=0.05)


async def test_rules_are_those_of_baton_toml() -> None:
    """Who may what is decided as in production."""
    rules = '[[allow]]\nwho = ["ann"]\ncommands = ["greet"]\n'
    async with open_chat(extension, rules=rules) as chat:
        assert "Not allowed" in (await chat.says("greet prod", person="eve")).text
        assert (await chat.says("greet prod", person="ann")).ok


async def test_a_run_that_hangs_ends_when_its_time_is_over() -> None:
    """Simulated: the deadline passes at once, and the ledger says so of a silent server."""
    async with open_chat(extension, servers=TWO) as chat:
        chat.server("web-1").hangs()
        await chat.says("greet prod")
        await chat.thread_shows("web-2: succeeded")
        await chat.server("web-1").goes_silent()
        await chat.passes(timedelta(hours=1))
        await chat.thread_shows("web-1: lost")


async def test_schedules_come_due() -> None:
    """A day passes in a moment."""
    async with open_chat(extension) as chat:
        said = await chat.says("/schedule greet prod every 1h")
        assert said.ok, said.text
        await chat.passes(timedelta(hours=1, minutes=1))
        await chat.channel_shows("greet prod")
        assert len(chat.server("web-1").requests) == 1


ALERTS = """
channel = "#ops"
group_wait = "1s"
"""


async def test_alerts_fire_and_resolve() -> None:
    """A server that is silent is an alert, and none when it is back."""
    async with open_chat(extension, servers=TWO, alerts=ALERTS) as chat:
        await chat.server("web-2").goes_silent()
        await chat.passes(timedelta(minutes=3))
        await chat.channel_shows("silent web-2")
        await chat.server("web-2").comes_back()
        await chat.passes(timedelta(minutes=10))
        await chat.channel_shows("resolved: ")


async def test_the_same_on_rabbitmq(amqp_url: str) -> None:
    """The bus in memory is a twin: a test may use the real one."""
    async with open_chat(extension, servers=TWO, bus=amqp_url) as chat:
        await chat.says("greet prod")
        await chat.thread_shows("2 of 2 done")


async def test_wrong_settings_are_an_error_at_once() -> None:
    """As an agent refuses them when it starts."""
    with pytest.raises(SettingsError, match="gret"):
        async with open_chat(extension, settings={"gret": {}}):
            raise AssertionError("not reached")


def test_without_the_bot_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent's installation has no bot."""

    def missing(name: str) -> object:
        raise ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy")

    monkeypatch.setattr("baton.testing.whole_chat.import_module", missing)
    with pytest.raises(ChatNotInstalled, match=r"sqlalchemy is not installed.*\[bot\]"):
        open_chat(extension)


async def test_nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test that fails inside closes everything too."""

    async def fails(chat: Chat) -> None:
        await chat.says("greet prod")
        raise ValueError

    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match=r"^$"):
        async with open_chat(extension) as chat:
            await fails(chat)
    assert asyncio.all_tasks() == before


class Paint(Command):
    """Paint the servers of an environment."""

    name: ClassVar[str] = "paint"
    reach: ClassVar[Reach] = Reach.EACH
    changes: ClassVar[bool] = True
    environment: Name


class Painter(Consumer[Paint]):
    """Paints."""

    command: ClassVar[type[Command]] = Paint

    @override
    async def process_message(self, run: Run[Paint]) -> None:
        """Say it."""
        run.notify_success("blue")


async def test_people_lead_a_rollout_in_its_thread() -> None:
    """By rule it is approved, and goes in waves; each word is about the last job, and time that
    passes is time in which servers were well."""
    rules = OPEN + '[[gate]]\napprovals = 1\ncanary = 1\npause = true\nhealthy_for = "2m"\n'
    servers = {f"web-{number}": () for number in range(1, 5)}
    async with open_chat(Extension(Paint, Painter), servers=servers, rules=rules) as chat:
        await chat.says("/paint prod")
        await chat.thread_shows("Rollout: waves of 1 and 3")
        assert (await chat.says("approve", person="bea")).ok
        await chat.thread_shows("must be healthy for 2 min")
        await chat.passes(timedelta(minutes=3))
        await chat.thread_shows("Wave 1 is done: 1 of 1 succeeded.")
        assert (await chat.says("skip web-3")).ok
        assert (await chat.says("go on")).ok
        await chat.thread_shows("3 of 4 succeeded, 1 cancelled")
        assert [len(chat.server(name).requests) for name in servers] == [1, 1, 0, 1]
