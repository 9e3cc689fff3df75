import shutil
from importlib.util import find_spec

import pytest
from acme_disk import Disk, extension

from baton import Reach, State, UsageError
from baton.testing import Kit, open_chat

kit = Kit(extension)


def test_the_words_that_people_type() -> None:
    assert kit.parses("disk prod") == Disk(environment="prod")
    assert Disk.usage() == "/disk ENVIRONMENT"
    assert Disk.reach is Reach.EACH


def test_what_is_wrong_with_other_words() -> None:
    with pytest.raises(UsageError, match="ENVIRONMENT is missing"):
        kit.parses("disk")


async def test_a_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"total": 200, "used": 50})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    asked = await kit.ask("disk prod")
    assert asked.state is State.SUCCEEDED
    assert asked.text == "25% of / is used"


async def test_a_disk_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> None:
        raise PermissionError("not allowed")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    asked = await kit.ask("disk prod")
    assert asked.state is State.FAILED
    assert "not allowed" in asked.text


@pytest.mark.skipif(find_spec("re2") is None, reason="a whole chat needs baton-chatops[bot]")
async def test_a_full_disk() -> None:
    async with open_chat(extension, servers={"web-1": (), "web-2": ()}) as chat:
        chat.server("web-2").fails("no space left")
        await chat.says("/disk prod")
        await chat.thread_shows("1 of 2 succeeded, 1 failed")
        await chat.thread_shows("no space left")
