"""The buttons of the page of alerts: what each asks, what comes of it, and for whom it does
nothing. As a browser without scripts sends them."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from tests.bot.counter import BEN
from tests.bot.web.console.alerts import firing
from tests.bot.web.console.conftest import Console, OpenConsole
from tests.support.wait import until

HTML = {"Accept": "text/html"}
LOOKS = Policy([Rule(who=("U_ANN",))], {"prod": EnvironmentTable(open=False)})
"""BEN may read all, and change nothing."""


async def shown(console: Console) -> str:
    """The page."""
    answer = await console.client.get("/alerts", headers=HTML)
    assert answer.status_code == 200
    return unescape(answer.text)


async def press(console: Console, page: str, button: str, **typed: str) -> httpx.Response:
    """Send the form of `page` that has this button, with what is typed into it."""
    (form,) = [
        one
        for one in re.findall(r"<form [^>]*action=\"/ask\".*?</form>", page, re.DOTALL)
        if re.search(rf">{re.escape(button)}</button>", one)
    ]
    given: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        values = dict(re.findall(r'(name|value|type)="([^"]*)"', tag))
        if values["type"] != "radio" or " checked" in tag:
            given[values["name"]] = values.get("value", "")
    headers = {**HTML, "Origin": console.web.url}
    return await console.client.post("/ask", data={**given, **typed}, headers=headers)


async def test_acknowledge(open_console: OpenConsole) -> None:
    """It is recorded who took the alert on; the page says so, and has no button for it any more."""
    console = await firing(open_console)
    answer = await press(console, await shown(console), "Acknowledge")
    assert answer.status_code == 200
    assert "Acknowledged: " in answer.text
    page = await shown(console)
    assert "acknowledged by ann" in page.lower()
    assert ">Acknowledge</button>" not in page
    runner = console.bot.alert_runner
    assert runner is not None
    assert runner.engine is not None
    assert [one.acknowledged_by for one in runner.engine.firing()] == ["ann"]


async def test_why(open_console: OpenConsole) -> None:
    """What was reported, and for whom it is; it changes nothing."""
    console = await firing(open_console)
    answer = await press(console, await shown(console), "Why?")
    assert answer.status_code == 200
    assert "97 % full" in answer.text
    assert ">Acknowledge</button>" in await shown(console)


async def test_silence_is_previewed_then_made_then_ended(open_console: OpenConsole) -> None:
    """The first button only shows what would be muted, and asks for how long and why."""
    console = await firing(open_console)
    preview = await press(console, await shown(console), "Silence ...")
    text = unescape(preview.text)
    assert "A silence would mute" in text
    assert "Nothing is silenced." in await shown(console)
    made = await press(console, text, "Silence", choice="4h", reason="a new disk comes")
    assert made.status_code == 200
    assert "Silenced for 4 h" in made.text

    async def silenced() -> bool:
        return "a new disk comes" in await shown(console)

    await until(silenced)
    page = await shown(console)
    assert '<td data-label="by">ann</td>' in page
    ended = await press(console, page, "End it now")
    assert "No longer silenced:" in ended.text

    async def over() -> bool:
        return "Nothing is silenced." in await shown(console)

    await until(over)


async def test_a_preview_by_labels(open_console: OpenConsole) -> None:
    """It says what they would mute, or what is wrong with them; nothing is silenced by it."""
    console = await firing(open_console)
    page = await shown(console)
    button = "Show what it would mute"
    found = unescape((await press(console, page, button, text="env=prod host=~web-.*")).text)
    assert "would mute these firing alerts: disk" in found
    none = await press(console, page, button, text="env=staging")
    assert "matches 0 of" in none.text
    wrong = await press(console, page, button, text="host=~(")
    assert wrong.status_code == 422
    assert "Nothing is silenced." in await shown(console)


@pytest.mark.parametrize(
    ("button", "typed"), [("Acknowledge", {}), ("Silence", {"choice": "1h", "reason": "noise"})]
)
async def test_who_may_only_read_changes_nothing(
    open_console: OpenConsole, button: str, typed: dict[str, str]
) -> None:
    """They see the alert, why it fires, and what a silence would mute; what would change something
    is refused with the rule that they need, and recorded."""
    console = await firing(open_console, BEN, LOOKS)
    page = await shown(console)
    assert (await press(console, page, "Why?")).status_code == 200
    preview = await press(console, page, "Silence ...")
    assert "would mute" in preview.text
    answer = await press(console, unescape(preview.text) if typed else page, button, **typed)
    assert answer.status_code == 403
    assert "Not allowed: /alerts " in answer.text
    assert "Required rule: " in answer.text
    page = await shown(console)
    assert "Nothing is silenced." in page
    assert "acknowledged by" not in page.lower()
    (entry,) = await console.bot.store.audit.recent(1)
    assert (entry.verdict, entry.environment) == ("refused", "prod")
