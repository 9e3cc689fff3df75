"""The chat of the terminal: there are no threads, so what is said without a job is about the latest
one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.dispatch.reply import Reply
from bot.fronts.terminal.chat import TerminalChat
from tests.bot.build import job as a_job
from tests.bot.world import COMMANDS


class Typed:
    """A terminal that keeps what it asks for; each ask begins the job `9x3k7q`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.key = ""
        dispatcher: Any = SimpleNamespace(commands=COMMANDS, ask=self.ask)
        front: Any = SimpleNamespace(screen=SimpleNamespace(show=lambda lines: None))
        self.chat = TerminalChat(dispatcher, front, SimpleNamespace(job=self.job), None)  # type: ignore[arg-type]

    async def ask(self, text: str, *, key: str, **rest: object) -> Reply:
        self.asked.append(text)
        self.key = key
        return Reply("", job="9x3k7q")

    async def job(self, id: str) -> Any:
        return a_job(id=id, key=self.key), ()


@pytest.mark.parametrize(
    ("typed", "asks"),
    [
        ("go on", "rollout 9x3k7q go-on"),
        ("Pause", "rollout 9x3k7q pause"),
        ("skip web-3", "rollout 9x3k7q skip --host web-3"),
        ("skip web-3.", "rollout 9x3k7q skip --host web-3"),
        ("back", "rollout 9x3k7q back"),
        ("approve", "approve 9x3k7q"),
        ("deny because not now", "deny 9x3k7q because not now"),
        ("approve 7k2m", "approve 7k2m"),
        ("/ship shop prod", "/ship shop prod"),
    ],
)
async def test_words_without_a_job_are_about_the_latest(typed: str, asks: str) -> None:
    """As in the thread of a post; before there is one they are asked as they are."""
    terminal = Typed()
    await terminal.chat.run_line(typed)
    assert terminal.asked == [typed]
    await terminal.chat.run_line(typed)
    assert terminal.asked[-1] == asks
