"""What people see when something is wrong: what, what still works, and a way on."""

from __future__ import annotations

import pytest

from bot.web.console.security_headers import HEADERS
from tests.bot.web.console.conftest import Console

HTML = {"Accept": "text/html"}


async def test_an_unknown_address_is_a_page_with_a_way_on(console: Console) -> None:
    """For people; programs get what they got before."""
    answer = await console.client.get("/nowhere", headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "There is no page at this address." in answer.text
    assert 'href="/jobs"' in answer.text
    program = await console.client.get("/nowhere")
    assert program.json() == {"error": "Not found."}


async def test_a_part_of_a_page_learns_why_in_words(console: Console) -> None:
    """Its script shows them; a whole page would find no place there."""
    answer = await console.client.post(
        "/ask", data={"text": " "}, headers={**HTML, "HX-Request": "true"}
    )
    assert answer.status_code == 422
    assert answer.json()["detail"] == "Nothing was typed. Type a command, such as /help."


async def test_a_page_of_somebody_else_gets_no_page(console: Console) -> None:
    """Who may not look here reads why, and nothing else."""
    answer = await console.client.get("/nowhere", headers={**HTML, "Host": "evil.example"})
    assert answer.status_code == 404
    assert "ann" not in answer.text.lower()
    assert "RabbitMQ" not in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/healthz", "/static/console.css", "/api/v1/me"])
async def test_every_answer_says_what_a_browser_may_do_with_it(console: Console, path: str) -> None:
    """Also those of the API, of files and of errors."""
    answer = await console.client.get(path, headers=HTML)
    of_files = {"Cache-Control": "no-cache"} if path.startswith("/static") else {}
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS | of_files
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_method_that_a_page_does_not_take(console: Console) -> None:
    """Is told from a page that is not there."""
    answer = await console.client.delete("/servers", headers=HTML)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert "Open it by a link." in answer.text
