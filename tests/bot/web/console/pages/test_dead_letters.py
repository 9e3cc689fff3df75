"""The page of dead letters: it shows what chat lists, and asks in the words of chat."""

from __future__ import annotations

from html import unescape

import pytest

from baton.bus.channel import Envelope
from baton.bus.exchanges import DEAD, DEAD_BINDINGS, DEAD_QUEUE
from baton.errors import Disconnected
from bot.dispatch.policy import Policy
from tests.bot.web.console.conftest import Console, OpenConsole

HTML = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script> password=hunter2"


async def bury(console: Console, *names: str, reason: str = "it is not JSON") -> None:
    channel = console.bot.channel
    await channel.declare(DEAD_QUEUE, DEAD_BINDINGS)
    for name in names:
        headers = {"baton-reason": reason, "baton-key": "work.reports"}
        await channel.publish(DEAD, "x", Envelope(b"not JSON", name, "?", headers=headers))


async def test_letters_are_shown_by_reason(console: Console) -> None:
    """With what can be done about one, or all of a reason; whatever a sender wrote there."""
    empty = (await console.client.get("/dead", headers=HTML)).text
    assert "There are no dead letters." in empty
    await bury(console, "l3tter01", "l3tter02")
    await bury(console, "l3tter03", reason=HOSTILE)
    text = (await console.client.get("/dead", headers=HTML)).text
    assert "<script>alert" not in text
    assert "hunter2" not in text
    assert "password=***" in unescape(text)
    for words in ("show", "retry", "drop"):
        assert f'value="/dead {words} l3tter02"' in text
    assert text.count('value="/dead drop all.') == 2
    assert 'value="/dead retry l3tter02 as"' in text


async def test_the_page_says_if_it_does_not_show_all(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an operator takes the oldest letters for all there are."""
    monkeypatch.setattr("bot.dispatch.dead_letters.MOST", 2)
    await bury(console, "l3tter01", "l3tter02")
    assert "These are" not in (await console.client.get("/dead", headers=HTML)).text
    await bury(console, "l3tter03")
    text = (await console.client.get("/dead", headers=HTML)).text
    assert "These are the oldest 2 of 3." in text
    assert "l3tter03" not in text


async def test_only_what_changed_something_has_the_page_read_again(console: Console) -> None:
    """Reading it takes all letters out of their queue for a moment."""
    await bury(console, "l3tter01")
    triggers = []
    for words in ("dead", "dead show l3tter01", "dead show n0thing1", "dead drop l3tter01"):
        form = {"text": f"/{words}", "key": words, "back": "/dead"}
        headers = {**HTML, "HX-Request": "true", "Origin": console.web.url}
        answer = await console.client.post("/ask", data=form, headers=headers)
        triggers.append(answer.headers.get("HX-Trigger", ""))
    assert triggers == ["", "", "", "changed"]


async def test_what_a_button_asks_is_asked_as_in_chat(console: Console) -> None:
    """With the same answer, and the same entry in the audit log."""
    await bury(console, "l3tter01", "l3tter02")
    form = {"text": "/dead drop l3tter01", "key": "k1", "back": "/dead"}
    headers = {**HTML, "Origin": console.web.url}
    answer = await console.client.post("/ask", data=form, headers=headers)
    assert "Dropped l3tter01." in answer.text
    assert "l3tter01" not in (await console.client.get("/dead", headers=HTML)).text
    (entry,) = await console.bot.store.audit.recent(1)
    assert (entry.words, entry.verdict) == ("/dead drop l3tter01", "allowed")


async def test_without_a_rule_the_page_is_read_and_nothing_is_done(
    open_console: OpenConsole,
) -> None:
    """As in chat."""
    console = await open_console(policy=Policy())
    await bury(console, "l3tter01")
    assert "l3tter01" in (await console.client.get("/dead", headers=HTML)).text
    refused = await console.ask("/dead show l3tter01")
    assert refused.status_code == 403


async def test_without_the_bus_the_page_says_so(console: Console, monkeypatch: object) -> None:
    """It is no error of the page."""

    async def fails() -> None:
        raise Disconnected(url="amqp://mq", reason="no route")

    console.bot.dispatching.letters.look = fails  # type: ignore[assignment,method-assign]
    answer = await console.client.get("/dead", headers=HTML)
    assert answer.status_code == 200
    assert "No connection to RabbitMQ at amqp://mq: no route." in answer.text
