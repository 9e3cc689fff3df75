"""How people ask, and what they read."""

import shutil
from importlib.util import find_spec

import pytest
from baton import Reach, State, UsageError, connect
from baton.errors import SettingsError
from baton.testing import Kit, open_chat

from newpackage import extension
from newpackage.command import NewCommand
from newpackage.monitor import NewCommandMonitor


@pytest.fixture(autouse=True)
def disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """/ is half full, everything else is nearly full."""

    def usage(folder: str) -> object:
        return type("Usage", (), {"total": 200, "used": 100 if folder == "/" else 190})

    monkeypatch.setattr(shutil, "disk_usage", usage)


kit = Kit(extension, settings={"folders": ["/", "/var"], "most": 96})


def test_the_words_that_people_type() -> None:
    asked = kit.parses("/newcommand prod")
    assert asked == NewCommand(environment="prod")
    asked = kit.parses("newcommand prod --most 80")
    assert asked == NewCommand(environment="prod", most=80)
    usage = NewCommand.usage()
    assert usage == "/newcommand ENVIRONMENT [--most MOST]"
    assert NewCommand.reach is Reach.EACH


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("newcommand", "ENVIRONMENT is missing"),
        ("newcommand prod --most 101", "--most"),
        ("newcommand prod --least 5", "--least"),
    ],
)
def test_what_is_wrong_with_other_words(words: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        kit.parses(words)


async def test_a_server_answers() -> None:
    asked = await kit.ask("newcommand prod")
    assert asked.state is State.SUCCEEDED
    assert asked.said == ["/: 50%", "/var: 95%", "/var is 95% full"]
    assert asked.percents == [50, 100, 100]


async def test_a_disk_that_is_too_full() -> None:
    asked = await kit.ask("newcommand prod --most 80")
    assert asked.state is State.FAILED
    assert asked.text == "/var is 95% full, more than 80%"


@pytest.mark.skipif(find_spec("re2") is None, reason="a whole chat needs baton-chatops[bot]")
async def test_in_a_chat() -> None:
    """A bot, two servers and whoever types: all of it but the chat itself is real."""
    settings = {"newcommand": {"folders": ["/", "/var"], "most": 96}}
    servers = {"web-1": (), "web-2": ()}
    async with open_chat(extension, servers=servers, settings=settings) as chat:
        await chat.says("/newcommand prod")
        await chat.thread_shows("2 of 2")
        chat.server("web-2").fails("the disk is gone")
        await chat.says("/newcommand prod")
        await chat.thread_shows("the disk is gone")


def test_settings_that_cannot_be_right() -> None:
    with pytest.raises(SettingsError, match="most"):
        Kit(extension, settings={"most": 0})


async def test_the_monitor_prints_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    monitor = NewCommandMonitor(await connect("memory://test"))
    for more in ("", " --most 80"):
        asked = await kit.ask("newcommand prod" + more)
        for update in asked.updates:
            await monitor.on_update(update)
    assert capsys.readouterr().out == "web-1: /var is 95% full, more than 80%\n"
