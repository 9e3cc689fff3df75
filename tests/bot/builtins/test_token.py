"""`/baton token`: tokens of one's own, shown once, named, limited, listed and revocable."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.dispatch.console_address import ConsoleAddress
from bot.fronts.slack.blocks.text import reply_text
from bot.jobs import console_place
from bot.store import Store
from tests.bot.counter import BEN, Counter, table


@pytest.fixture
def counter(store: Store) -> Counter:
    return Counter(store, console=ConsoleAddress("https://baton.example.com"))


async def new(counter: Counter, text: str) -> str:
    reply = await counter.ask(f"token new {text}")
    assert reply.answer is not None, reply.text
    return reply.answer.document


async def test_a_token_may_do_what_was_asked_for_it(counter: Counter) -> None:
    """By default it may read, for 30 days."""
    reply = await counter.ask("token new laptop --scope ask --days 90")
    assert reply.answer is not None
    secret = reply.answer.document
    assert "With the token laptop a program may read and run what you may" in reply.answer.summary
    assert f"```\n{secret}\n```" in reply_text(reply)
    token = await counter.store.sign_ins.find(secret)
    assert token is not None
    assert (token.kind, token.name, token.scope) == ("token", "laptop", "ask")
    assert token.owner.person.id == "U_ANN"
    assert token.owner.directory == "slack"
    assert token.expires - token.created == timedelta(days=90)
    other = await counter.store.sign_ins.find(await new(counter, "ci"))
    assert other is not None
    assert (other.scope, other.expires - other.created) == ("read", timedelta(days=30))


async def test_it_is_recorded_without_the_token(
    counter: Counter, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = (await new(counter, "ci")).removeprefix("baton_")
    entry = await counter.audit()
    assert (entry.words, entry.verdict) == ("token new ci", "allowed")
    assert secret not in repr(entry)
    out = capfd.readouterr()
    assert secret not in caplog.text + out.out + out.err


async def test_one_sees_and_revokes_ones_own(counter: Counter) -> None:
    """Also from the console; of somebody else's tokens one learns nothing."""
    assert (await counter.ask("token list")).text.startswith("You have no tokens.")
    secret = await new(counter, "laptop --scope ask")
    summary, rows = table(await counter.ask("token list", place=console_place("slack")))
    assert summary == "You have 1 token."
    ((name, scope, used, _),) = rows
    assert (name, scope, used) == ("laptop", "ask", "never")
    assert (await counter.ask("token list", BEN)).text.startswith("You have no tokens.")
    stranger = await counter.ask("token revoke laptop", BEN)
    assert stranger.text.startswith("You have no token called “laptop”.")
    near = await counter.ask("token revoke laptpo")
    assert "Did you mean laptop?" in near.text
    assert await counter.store.sign_ins.find(secret) is not None
    assert (
        await counter.ask("token revoke laptop")
    ).text == "Revoked: the token laptop works no more."
    assert (await counter.audit()).verdict == "allowed"
    assert await counter.store.sign_ins.find(secret) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("token", "ACTION is missing"),
        ("token make", "it must be one of new, list, revoke"),
        ("token new", "Which token? /token new NAME"),
        ("token revoke", "Which token? /token revoke NAME"),
        ("token new a/b", "TOKEN: invalid value"),
        ("token new ci --scope all", "it must be one of read, ask"),
        ("token new ci --days 0", "--days: invalid value “0”"),
        ("token list x --scope ask", "/token list takes no name."),
        ("token list --scope ask", "/token list takes no --scope."),
        ("token revoke ci --days 3", "/token revoke takes no --days."),
        ("token new ci --days 1000", "--days: invalid value “1000”"),
    ],
)
async def test_what_cannot_be_followed(counter: Counter, text: str, problem: str) -> None:
    reply = await counter.ask(text)
    assert not reply.ok
    assert problem in reply.text
    assert await counter.store.sign_ins.of_person("slack", "U_ANN") == []


async def test_a_name_is_used_once(counter: Counter) -> None:
    """The reply says how to go on."""
    await new(counter, "ci")
    reply = await counter.ask("token new ci")
    assert not reply.ok
    assert "already have a token called ci" in reply.text
    assert "/token revoke ci" in reply.text
