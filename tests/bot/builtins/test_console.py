"""`/baton console`: a link that signs its reader in, once, and that nobody else reads."""

from __future__ import annotations

import re

import pytest

from bot.builtins.console import NO_ADDRESS, NO_CONSOLE, ONLY_THERE
from bot.dispatch.console_address import ConsoleAddress
from bot.fronts.slack.blocks.text import reply_text
from bot.jobs import Place, console_place
from bot.store import Store
from tests.bot.counter import GUEST, Counter

ADDRESS = ConsoleAddress("https://baton.example.com")
DIRECT = Place("slack", "D1", name="directmessage")


def link_in(text: str) -> str:
    found = re.search(r"^\S+/sign-in/(\S+)$", text, re.M)
    assert found, text
    return found[1]


@pytest.mark.parametrize("place", [Place("slack", "C1", name="ops"), DIRECT])
async def test_the_link_signs_in_who_asked(store: Store, place: Place) -> None:
    """As their chat knows them; Slack shows it as it is."""
    counter = Counter(store, console=ADDRESS)
    reply = await counter.ask("console", place=place)
    assert reply.ok
    shown = reply_text(reply)
    assert shown.startswith("https://baton.example.com/sign-in/baton_")
    assert "as ann. It works once, within 60 seconds." in shown
    assert ONLY_THERE not in shown
    owner = await store.sign_ins.link_owner(link_in(shown))
    assert owner is not None
    assert (owner.person.id, owner.person.name, owner.directory) == ("U_ANN", "ann", "slack")


async def test_it_is_recorded_without_the_link(
    store: Store, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the audit log nor the bot's own log has it."""
    counter = Counter(store, console=ADDRESS)
    link = link_in((await counter.ask("console")).text)
    entry = await counter.audit()
    assert (entry.words, entry.verdict) == ("console", "allowed")
    secret = link.removeprefix("baton_")
    assert secret not in repr(await store.audit.recent(10))
    out = capfd.readouterr()
    assert secret not in caplog.text + out.out + out.err


async def test_an_address_that_opens_only_there_is_said_to(store: Store) -> None:
    """A link that leads nowhere from one's own machine would be a riddle."""
    counter = Counter(store, console=ConsoleAddress("http://127.0.0.1:8080"))
    assert ONLY_THERE in (await counter.ask("console")).text


@pytest.mark.parametrize(("address", "why"), [(None, NO_CONSOLE), (ConsoleAddress(""), NO_ADDRESS)])
@pytest.mark.parametrize("text", ["console", "token new ci"])
async def test_without_a_console_people_read_why(
    store: Store, address: ConsoleAddress | None, why: str, text: str
) -> None:
    counter = Counter(store, console=address)
    reply = await counter.ask(text)
    assert (reply.ok, reply.text) == (False, why)
    assert (await counter.audit()).verdict == "unusable"


@pytest.mark.parametrize("text", ["console", "token new ci"])
async def test_where_nobody_signs_in_nothing_is_given_out(store: Store, text: str) -> None:
    """As in the demo."""
    counter = Counter(store, console=ConsoleAddress("http://127.0.0.1:8080", sign_in=False))
    reply = await counter.ask(text)
    assert reply.ok
    assert "http://127.0.0.1:8080" in reply.text
    assert "sign-in/" not in reply.text
    assert reply.answer is None


async def test_the_console_gives_no_way_in(store: Store) -> None:
    """Who has stolen a session or a token gets no second one with it."""
    counter = Counter(store, console=ADDRESS)
    for text in ("console", "token new ci"):
        reply = await counter.ask(text, place=console_place("slack"))
        assert not reply.ok
        assert reply.answer is None
        assert "sign-in/" not in reply.text


async def test_who_may_do_nothing_gets_no_link(store: Store) -> None:
    """A guest whom no rule names."""
    reply = await Counter(store, console=ADDRESS).ask("console", GUEST)
    assert not reply.ok
    assert reply.text.startswith("Not allowed: you are a guest")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("http://baton.localhost:1", True),
        ("http://127.9.9.9", True),
        ("http://10.0.0.1", False),
        ("https://baton.example.com", False),
        ("http://localhost.example.com", False),
        ("", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(url: str, local: bool) -> None:
    assert ConsoleAddress(url).local is local
