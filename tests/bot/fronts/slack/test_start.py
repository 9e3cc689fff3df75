"""The bot looks at its tokens before it begins, and says what is wrong with them."""

from __future__ import annotations

import os

import pytest

from baton.bus.channel import Link
from baton_slack_testing import Hang, RateLimited, SlackServer
from bot.fronts.slack import SlackChat, Tokens
from bot.fronts.slack.web_api import scopes
from bot.fronts.slack.web_api.identity import BadTokens, ScopesMissing
from bot.jobs import Place
from tests.bot.fronts.slack.conftest import new_chat
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher
from tests.support.wait import until


@pytest.mark.parametrize(
    ("bot", "app", "said"),
    [
        ("xapp-1", "xoxb-1", r"SLACK_BOT_TOKEN must begin with xoxb-.*swapped"),
        ("", "xapp-1", r"SLACK_BOT_TOKEN is not set.*README"),
        ("xoxb-1", "secret", r"SLACK_APP_TOKEN must begin with xapp- and begins with something"),
    ],
)
async def test_tokens_of_the_wrong_kind(
    slack: SlackServer, dispatcher: FakeDispatcher, bot: str, app: str, said: str
) -> None:
    """Each is named by its setting; nothing is sent to Slack, and no token is shown."""
    chat = SlackChat(dispatcher, Tokens(bot, app), api_url=slack.url)
    with pytest.raises(BadTokens, match=said) as raised:
        await chat.start()
    assert "secret" not in str(raised.value)
    assert not slack.calls
    await chat.close()


@pytest.mark.parametrize(
    ("bot", "app", "key"),
    [("xoxb-wrong", None, "SLACK_BOT_TOKEN"), (None, "xapp-wrong", "SLACK_APP_TOKEN")],
)
async def test_tokens_that_slack_does_not_know(
    slack: SlackServer, dispatcher: FakeDispatcher, bot: str | None, app: str | None, key: str
) -> None:
    """Start fails at once and names the token, instead of trying for ever."""
    tokens = Tokens(bot or slack.bot_token, app or slack.app_token)
    chat = SlackChat(dispatcher, tokens, api_url=slack.url)
    with pytest.raises(BadTokens, match=rf"{key}: the token is unknown"):
        await chat.start()
    await chat.close()


async def test_an_app_token_without_its_scope(dispatcher: FakeDispatcher) -> None:
    """Slack's own word for what is missing is passed on."""
    async with SlackServer(app_scopes=()) as slack:
        chat = new_chat(slack, dispatcher)
        with pytest.raises(BadTokens, match="needs connections:write"):
            await chat.start()
        await chat.close()


async def test_scopes_that_are_missing_are_named(dispatcher: FakeDispatcher) -> None:
    """Before anything is asked, not when the first long log cannot be shown."""
    async with SlackServer(scopes=scopes.SCOPES - {"files:write", "usergroups:read"}) as slack:
        chat = new_chat(slack, dispatcher)
        with pytest.raises(ScopesMissing, match=r"files:write, usergroups:read.*manifest\.yml"):
            await chat.start()
        await chat.close()


async def test_slack_that_is_away_at_the_start(
    slack: SlackServer, dispatcher: FakeDispatcher
) -> None:
    """Start returns, the link is down with the reason, and we go on trying."""
    await slack.down()
    chat = new_chat(slack, dispatcher)
    await chat.start()
    assert "cannot be reached" in chat.link_reason
    assert chat.heard is None
    await slack.up()
    await until(lambda: chat.link is Link.UP)
    reply = await slack.person("U_ANN").slash("/ping prod", channel="C_OPS")
    assert reply.ephemeral == "Taken: ping prod"
    await chat.close()


@pytest.mark.slow
async def test_a_busy_slack_at_the_start(slack: SlackServer, dispatcher: FakeDispatcher) -> None:
    """A 429 is waited out."""
    slack.faults.add("auth.test", RateLimited(0.1))
    chat = new_chat(slack, dispatcher)
    await chat.start()
    await until(lambda: chat.link is Link.UP)
    await chat.close()


async def test_the_first_command_is_not_lost(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """bolt asks auth.test at the first command, which is lost if that fails; we asked before."""
    slack.faults.add("auth.test", Hang(), times=None)
    reply = await slack.person("U_ANN").slash("/ping prod", channel="C_OPS")
    assert reply.ephemeral == "Taken: ping prod"
    assert slack.calls.counts["auth.test"] == 1


async def test_the_addresses_of_messages(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Slack says once, at the start, where the workspace is. Until then a message leads to its
    channel, as does a place without one; other chats are not ours."""
    ops = Place("slack", "C_OPS")
    before = new_chat(slack, dispatcher)
    channel = "https://slack.com/app_redirect?channel=C_OPS"
    assert before.address(ops, "1700000000.000100") == channel
    await before.close()
    calls = sum(slack.calls.counts.values())
    assert chat.address(ops, "1700000000.000100") == f"{slack.url}archives/C_OPS/p1700000000000100"
    threaded = chat.address(Place("slack", "C_OPS", "1699.5"), "1700.6")
    assert threaded == f"{slack.url}archives/C_OPS/p17006?thread_ts=1699.5&cid=C_OPS"
    assert chat.address(ops, "") == channel
    assert chat.address(Place("terminal", "terminal"), "1.0") == ""
    assert sum(slack.calls.counts.values()) == calls


async def test_tokens_are_not_shown() -> None:
    """Not even where an object is printed."""
    assert "x" not in repr(Tokens("xoxb-x", "xapp-x"))


async def test_the_environment_makes_no_other_app(
    slack: SlackServer, dispatcher: FakeDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bolt reads variables of its own; ours are given to it, whatever else is set."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-another")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "another")
    assert os.environ["SLACK_BOT_TOKEN"]
    chat = new_chat(slack, dispatcher)
    await chat.start()
    await slack.connected(2)
    reply = await slack.person("U_ANN").slash("/ping prod", channel="C_OPS")
    assert reply.ephemeral == "Taken: ping prod"
    await chat.close()
