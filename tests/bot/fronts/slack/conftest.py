"""A bot's Slack side with a dispatcher for tests, on a Slack for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from baton_slack_testing import SlackServer
from bot.fronts.slack import SlackChat, Tokens
from bot.fronts.slack.front import SlackFront
from bot.fronts.slack.web_api.calls import SlackApi
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest.fixture
def dispatcher() -> FakeDispatcher:
    return FakeDispatcher()


def new_chat(slack: SlackServer, dispatcher: FakeDispatcher) -> SlackChat:
    return SlackChat(dispatcher, Tokens(slack.bot_token, slack.app_token), api_url=slack.url)


@pytest.fixture
async def chat(slack: SlackServer, dispatcher: FakeDispatcher) -> AsyncIterator[SlackChat]:
    """Listening, with both its connections."""
    it = new_chat(slack, dispatcher)
    await it.start()
    await slack.connected(2)
    yield it
    await it.close()


@pytest.fixture
async def calls(slack: SlackServer) -> AsyncIterator[SlackApi]:
    it = SlackApi(slack.bot_token, slack.url)
    yield it
    await it.close()


@pytest.fixture
def front(calls: SlackApi) -> SlackFront:
    return SlackFront(calls)
