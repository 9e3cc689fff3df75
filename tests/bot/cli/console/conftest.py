"""A console that somebody at this machine uses, and the program beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.cli.console.programs import Program
from tests.bot.web.console.conftest import Console, console, open_console
from tests.bot.web.console.sign_in.conftest import open_site, site

__all__ = ["console", "open_console", "open_site", "site"]


@pytest.fixture
async def baton(console: Console, tmp_path: Path) -> AsyncIterator[Program]:
    """The program `baton`, which uses that console."""
    program = Program(str(tmp_path), BATON_URL=console.web.url)
    yield program
    await program.end()
