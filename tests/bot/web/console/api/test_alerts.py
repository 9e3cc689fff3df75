"""Alerts over the API: what fires, for whom it is, and what people do about it in words."""

from __future__ import annotations

from typing import Any

from tests.bot.counter import BEN, GUARDED
from tests.bot.web.console.alerts import firing
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.wait import until


async def listed(console: Console, path: str = "", **query: str) -> dict[str, Any]:
    answer = await console.client.get(f"/api/v1/alerts{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_fires(open_console: OpenConsole) -> None:
    """With its labels, its state, since when, and what was reported."""
    console = await firing(open_console)
    found = await listed(console)
    assert found["on"] is True
    (one,) = found["alerts"]
    assert one["labels"] == {"alertname": "disk", "env": "prod", "host": "web-1"}
    assert (one["state"], one["text"], one["environment"]) == ("firing", "97 % full", "prod")
    assert (one["silenced"], one["acknowledged_by"], one["ended"]) == (False, "", None)
    assert (await listed(console, environment="staging"))["alerts"] == []
    assert [one["id"] for one in (await listed(console, "/history"))["alerts"]] == [one["id"]]


async def test_acknowledge_silence_and_why_are_asked(open_console: OpenConsole) -> None:
    """By the id that is listed, in the words of chat; the list shows it at once after."""
    console = await firing(open_console)
    (one,) = (await listed(console))["alerts"]
    why = await console.ask(f"alerts why {one['id']}")
    assert "97 % full" in why.json()["text"]
    answer = await console.ask(f"alerts ack {one['id']}")
    assert answer.json()["kind"] == "done", answer.text
    assert (await listed(console))["alerts"][0]["acknowledged_by"] == "ann"
    words = f"alerts silence {one['id']} for 2h because the disk is being replaced"
    assert (await console.ask(words)).status_code == 200

    async def silenced() -> bool:
        found = await listed(console)
        return bool(found["silences"]) and bool(found["alerts"][0]["silenced"])

    await until(silenced)
    (silence,) = (await listed(console))["silences"]
    assert (silence["by"], silence["reason"]) == ("ann", "the disk is being replaced")


async def test_alerts_of_a_protected_environment(open_console: OpenConsole) -> None:
    """Are left out, and counted, for who may not read them: in the history too."""
    console = await firing(open_console, BEN, GUARDED)
    found = await listed(console)
    assert (found["alerts"], found["left_out"]) == ([], 1)
    assert (await listed(console, "/history"))["alerts"] == []
    assert (await console.ask("alerts why disk")).status_code == 403
