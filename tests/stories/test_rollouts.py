"""A job that goes in waves, led from its thread in Slack and by the buttons of its post, over two
bots on one PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import MappingProxyType

import pytest

from baton_slack_testing import Message, SlackServer
from baton_slack_testing.errors import Json
from tests.bot.rolling import COMMANDS
from tests.stories.test_approvals import CHANNEL, Team
from tests.support.wait import until

GO_ON, PAUSE, BACK = (f"baton_ask.{word}" for word in ("go-on", "pause", "back"))


class Rolling(Team):
    """A team with three servers, which say how a run ends when they are told to."""

    hosts = ("web-1", "web-2", "web-3")
    options = MappingProxyType({"commands": COMMANDS})
    waits = True

    async def rolls(self, words: str) -> Message:
        """Ask for a job; return its post once its first wave has begun."""
        before = len(self.posts)
        begun = self.started
        await self.ann.slash(f"/baton {words}", channel=CHANNEL)
        await until(lambda: len(self.posts) > before and "Wave 1 of" in self.posts[-1].plain)
        await until(lambda: self.started == [begun[0] + 1, *begun[1:]])
        return self.posts[-1]

    async def answers(self, post: Message, words: str) -> str:
        """What bea reads who says `words` in the thread of a post."""
        before = len(self.bea.ephemerals)
        await self.bea.says(f"@baton {words}", channel=CHANNEL, thread_ts=post.ts)
        await until(lambda: len(self.bea.ephemerals) > before)
        return self.bea.ephemerals[-1]

    def thread(self, post: Message) -> list[str]:
        """What the bot says in the thread of a post."""
        messages = self.slack.channel(CHANNEL).by_ts.values()
        return [one.plain for one in messages if one.bot and one.thread_ts == post.ts]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


@pytest.fixture
async def team(postgres_database: str, stack: AsyncExitStack) -> Rolling:
    return Rolling(await stack.enter_async_context(SlackServer()), postgres_database)


def button(post: Message, action: str) -> Json:
    """A button of a post."""
    found = [
        one
        for block in post.blocks
        for one in block.get("elements", ())
        if one.get("action_id") == action
    ]
    return dict(found[0]) if found else {}


async def test_a_rollout_is_led_from_its_thread_and_by_its_buttons(
    team: Rolling, stack: AsyncExitStack
) -> None:
    """One post, edited; the question stands in the thread; words and buttons do the same, to go
    back is asked about once more, and an old button says what became of it."""
    await team.begin(stack)
    first, second, third = team.agents
    post = await team.rolls("ship shop prod --canary 1 --wave 1 --pause")
    assert "Wave 1 of 3: web-1. Still to begin: 1 and 1." in post.plain
    await first.finish()
    question = "Wave 1 is done: 1 of 1 succeeded. The next wave has 1."
    await until(lambda: any(question in one for one in team.thread(post)))
    await until(lambda: bool(button(post, GO_ON)))
    assert post.plain.count(question) == 1
    old = post.blocks
    assert "It goes on: 2 to begin." in await team.answers(post, "go on")
    await until(lambda: team.started == [1, 1, 0])
    assert "Paused: what runs goes on" in await team.answers(post, "pause")
    await second.finish()
    await until(lambda: "paused by bea" in post.plain)
    assert "web-3 is skipped" in await team.answers(post, "skip web-3")
    await until(lambda: "2 of 3 succeeded, 1 cancelled" in post.plain)
    await until(lambda: not button(post, GO_ON))
    assert "Skipped: web-3." in post.plain
    assert (team.posts, post.edits > 0, third.started) == ([post], True, [])
    late = await team.clicks_old(team.dan, post, old, GO_ON)
    assert "is over." in late

    post = await team.rolls("ship shop prod --canary 1 --pause")
    await first.finish()
    await until(lambda: bool(button(post, GO_ON)))
    assert "It goes on: 2 to begin." in await team.clicks(team.bea, post, GO_ON)
    await until(lambda: team.started == [2, 2, 1])
    back = button(post, BACK)
    assert back["confirm"]["text"]["text"] == "Take back ship shop prod wherever it succeeded?"
    assert back["style"] == "danger"
    assert "once the 2 that run have ended" in await team.clicks(team.bea, post, BACK)
    await asyncio.gather(second.finish(), third.finish())
    await until(lambda: "Stopped: bea said back." in post.plain)
    await until(lambda: "takes back what succeeded" in post.plain)
    assert ", and is taken back" in post.plain
    await until(lambda: all(agent.requests[-1].command == "unship" for agent in team.agents))
