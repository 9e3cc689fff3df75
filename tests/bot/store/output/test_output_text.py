"""All that the servers of a job said, as one text."""

from __future__ import annotations

from typing import Any, cast

import pytest

import bot.store.output.output_text
from bot.store.output.output_text import whole_output
from bot.store.output.outputs import OutputLine
from tests.bot.build import after


class Said:
    """A ledger in which each server has said one line; remembers who was looked up."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def output(self, job: str, host: str) -> list[OutputLine]:
        self.asked.append(host)
        return [
            OutputLine(host, 1, 1, after(1), "log", "build", f"\x1b[31mhello\x1b[0m\nfrom {host}")
        ]


async def test_each_line_says_when_and_where() -> None:
    """One server after the other, so that its lines stand together."""
    ledger: Any = Said()
    assert await whole_output(ledger, "j1", ["web-1", "web-2"]) == (
        "03:00:01 web-1 [build] hello\n"
        "03:00:01 web-1 [build] from web-1\n"
        "03:00:01 web-2 [build] hello\n"
        "03:00:01 web-2 [build] from web-2\n"
    )


async def test_it_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would not fit into memory is not read; who is left out is named."""
    monkeypatch.setattr(bot.store.output.output_text, "MAX_CHARACTERS", 100)
    ledger = Said()
    text = await whole_output(cast(Any, ledger), "j1", [f"web-{at}" for at in range(1000)])
    assert len(ledger.asked) < 5
    assert text.splitlines()[-1].startswith("Left out of this file because of its size: web-")
    assert len(text) < 1000
