"""All that the servers of a job said, as one text."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

import bot.store.output.output_text
from baton.text.printable import without_escapes
from bot.store.output.log_slices import SLICE_CHARACTERS, RunOutput, Slice
from bot.store.output.output_text import whole_output
from bot.store.output.outputs import OutputLine
from tests.bot.build import after


class Said:
    """A ledger in which each of these servers has said one line, and is said to have said `size`
    characters; remembers what was read."""

    def __init__(self, *hosts: str, size: int = 17) -> None:
        self.hosts = hosts
        self.size = size
        self.asked: list[Slice] = []

    async def output_sizes(self, job: str, host: str | None = None) -> list[RunOutput]:
        return [RunOutput(each, 1, 2, self.size) for each in self.hosts]

    async def output_slice(self, job: str, part: Slice) -> list[OutputLine]:
        self.asked.append(part)
        return [
            OutputLine(host, 1, 1, after(1), "log", "build", f"\x1b[31mhello\x1b[0m\nfrom {host}")
            for host in self.hosts
            if part.first <= host <= part.last
        ]


async def test_each_line_says_when_and_where() -> None:
    """One server after the other, so that its lines stand together."""
    ledger: Any = Said("web-1", "web-2")
    assert await whole_output(ledger, "j1", ["web-1", "web-2"]) == (
        "03:00:01 web-1 [build] hello\n"
        "03:00:01 web-1 [build] from web-1\n"
        "03:00:01 web-2 [build] hello\n"
        "03:00:01 web-2 [build] from web-2\n"
    )


async def test_it_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would not fit into memory is not read; who is left out is named."""
    monkeypatch.setattr(bot.store.output.output_text, "MAX_CHARACTERS", 100)
    hosts = [f"web-{at:03}" for at in range(1000)]
    ledger = Said(*hosts, size=SLICE_CHARACTERS)
    text = await whole_output(cast(Any, ledger), "j1", hosts)
    assert len(ledger.asked) < 5
    assert text.splitlines()[-1].startswith(
        "Left out of this file because of its size, or cut short: web-"
    )
    assert len(text) < 1000


async def test_what_was_not_asked_for_is_not_read() -> None:
    """Many servers are read at once, but none between them that nobody asked for."""
    ledger = Said(*(f"web-{at:03}" for at in range(100)))
    wanted = [host for host in ledger.hosts if host not in ("web-040", "web-050")]
    text = await whole_output(cast(Any, ledger), "j1", wanted)
    assert [(part.first, part.last) for part in ledger.asked] == [
        ("web-000", "web-039"),
        ("web-041", "web-049"),
        ("web-051", "web-099"),
    ]
    assert text.count("hello") == 98


async def test_others_are_served_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is put together beside the loop."""
    threads: list[threading.Thread] = []

    def noted(text: str) -> str:
        threads.append(threading.current_thread())
        return without_escapes(text)

    monkeypatch.setattr(bot.store.output.output_text, "without_escapes", noted)
    assert await whole_output(cast(Any, Said("web-1")), "j1", ["web-1"])
    assert threads
    assert threading.current_thread() not in threads
