"""A job that was started is watched until it has ended."""

from __future__ import annotations

import httpx
import pytest

from baton.client import AskResult
from bot.cli.console.session import ConsoleSession
from bot.cli.console.watching import answer
from tests.baton.client.consoles import END, Script, client, events, news


async def test_the_job_is_watched_by_its_whole_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Six characters may be those of another job too; people read them, and may type them."""
    job = {"id": "7k2m9xabcdef", "title": "ship shop prod", "runs": []}
    script = Script(events(news(1, "one"), END), httpx.Response(200, json=job))
    asked = AskResult(kind="started", job="7k2m9xabcdef")
    async with client(script) as console:
        session = ConsoleSession(console)
        await answer(session, asked, follow=True, as_json=False)
    assert all("/jobs/7k2m9xabcdef" in request.url.path for request in script.requests)
    assert capsys.readouterr().out.startswith("Job 7k2m9x: ")
    assert "baton log 7k2m9x -f" in session.on_interrupt
