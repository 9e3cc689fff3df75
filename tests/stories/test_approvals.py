"""Approvals and locks in Slack, over two bots on one PostgreSQL: who asks, who agrees, who may not,
and what an old button says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from baton.bus.memory.channel import MemoryBus, MemoryChannel
from baton_slack_testing import Message, Person, Reply, SlackServer
from baton_slack_testing.errors import Json
from bot.app.bot import Bot
from bot.dispatch.gates.tables import GateTable
from bot.fronts.slack import SlackChat, Tokens
from bot.jobs import Job
from bot.store import Store
from tests.bot.world import Agent, a_bot
from tests.support.wait import until

CHANNEL = "C_OPS"
HOSTS = ("web-1", "web-2")
APPROVE = "baton_ask.approve"


class Team:
    """A workspace with a group of leads, two bots, two servers, and a time that tests move."""

    hosts: tuple[str, ...] = HOSTS
    options: Mapping[str, Any] = MappingProxyType({})
    """Those of each bot, as in `a_bot`."""
    waits = False
    """Whether servers begin and then say nothing more until they are told to."""

    def __init__(self, slack: SlackServer, url: str) -> None:
        self.slack = slack
        self.ahead = timedelta()
        self._url, self._bus = url, MemoryBus("test")
        for name in ("ann", "bea", "cem", "dan"):
            setattr(self, name, slack.person(f"U_{name.upper()}", name=name))
        slack.add_group("S_LEADS", "leads", ["U_ANN", "U_BEA", "U_CEM"])

    ann: Person
    bea: Person
    cem: Person
    dan: Person

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def begin(self, stack: AsyncExitStack, *gates: GateTable) -> None:
        self.agents = [Agent(self._channel(), host, waits=self.waits) for host in self.hosts]
        for agent in self.agents:
            await agent.start()
        self.bots = [await self._bot(stack, gates) for _ in range(2)]
        await until(lambda: any(bot.leader.leading for bot in self.bots))
        for agent in self.agents:
            await agent.beat()
        await until(lambda: all(len(bot.servers.servers()) == len(self.hosts) for bot in self.bots))
        await self.slack.connected(4)

    async def _bot(self, stack: AsyncExitStack, gates: tuple[GateTable, ...]) -> Bot:
        store = await Store.open(self._url)
        stack.push_async_callback(store.close)
        bot = a_bot(
            store, self._channel(), gates=gates, lease=1.0, clock=self.clock, **self.options
        )
        tokens = Tokens(self.slack.bot_token, self.slack.app_token)
        chat = SlackChat(bot.dispatcher, tokens, api_url=self.slack.url)
        stack.push_async_callback(chat.close)
        bot.show_in(chat.front, chat.people)
        await chat.start()
        stack.push_async_callback(bot.stop)
        await bot.start()
        return bot

    def _channel(self) -> MemoryChannel:
        return MemoryChannel("memory://test", on=self._bus)

    async def types(self, person: Person, words: str) -> str:
        """What `person` reads who types `/baton` and these words."""
        reply = await person.slash(f"/baton {words}", channel=CHANNEL)
        await until(lambda: reply.ephemeral is not None or reply.error is not None)
        return reply.ephemeral or ""

    async def asks(self, person: Person, words: str) -> Message:
        """Ask for a job; return its post, once people can press its buttons."""
        before = len(self.posts)
        await person.slash(f"/baton {words}", channel=CHANNEL)
        await until(lambda: len(self.posts) > before and "Withdraw" in self.posts[-1].plain)
        return self.posts[-1]

    async def clicks(self, person: Person, post: Message, action: str = APPROVE) -> str:
        """What `person` alone reads who presses a button."""
        return await self.reads(await person.clicks(post, action))

    async def reads(self, reply: Reply) -> str:
        """What somebody is answered, and that Slack's 3 seconds were kept."""
        assert reply.error is None
        await until(lambda: reply.ephemeral is not None)
        return reply.ephemeral or ""

    async def clicks_old(
        self, person: Person, post: Message, old: list[Json], action: str = APPROVE
    ) -> str:
        """The same by a button of the post as it was before: `person` has not seen the edit."""
        now, post.blocks = post.blocks, old
        try:
            click = asyncio.create_task(person.clicks(post, action))
            await asyncio.sleep(0)
        finally:
            post.blocks = now
        return await self.reads(await click)

    @property
    def posts(self) -> list[Message]:
        """The bot's messages in the channel, without those of threads."""
        shown = self.slack.channel(CHANNEL).messages
        return [one for one in shown if one.bot and one.thread_ts is None]

    async def last_job(self) -> Job:
        """The job that was asked for last."""
        ledger = self.bots[0].store.ledger
        (last,) = await ledger.recent(1)
        found = await ledger.job(last.id)
        assert found is not None
        return found[0]

    async def told(self, *words: str) -> None:
        """Wait until one message of the bot in the channel has all of `words`."""
        await until(lambda: any(all(word in one.plain for word in words) for one in self.posts))

    @property
    def started(self) -> list[int]:
        """How often each server has started something."""
        return [len(agent.started) for agent in self.agents]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


@pytest.fixture
async def team(postgres_database: str, stack: AsyncExitStack) -> Team:
    return Team(await stack.enter_async_context(SlackServer()), postgres_database)


async def test_people_approve_in_slack(team: Team, stack: AsyncExitStack) -> None:
    """By buttons of one post, which is edited: the asker and a stranger are refused with a
    sentence, two others agree, and it starts once. An old button says what became of it, also of a
    job whose time is over. In the thread a word is enough."""
    await team.begin(stack, GateTable(approvals=2, of=("leads",)))
    post = await team.asks(team.ann, "ship shop prod")
    assert "approvals 0 of 2 (@leads may)" in post.plain
    old = post.blocks
    own = await team.clicks(team.ann, post)
    assert "you asked for it, so others approve it. @leads may approve it (2 needed)." in own
    assert "@leads may approve it" in await team.clicks(team.dan, post)
    assert "approvals 1 of 2" in await team.clicks(team.bea, post)
    await until(lambda: "Approved by bea." in post.plain)
    assert team.started == [0, 0]
    assert "starts now" in await team.clicks(team.cem, post)
    await until(lambda: "succeeded" in post.plain)
    assert team.started == [1, 1]
    assert "Approved by bea and cem." in post.plain
    assert (team.posts, post.edits > 0) == ([post], True)
    late = await team.clicks_old(team.dan, post, old)
    assert "was approved by bea and cem and started at" in late
    assert late.endswith("it ended: 2 succeeded.")
    second = await team.asks(team.ann, "ship shop prod")
    old = second.blocks
    team.ahead += timedelta(hours=2)
    over = await team.clicks(team.bea, second)
    assert "ended before it started: not approved within 1 h: approvals 0 of 2" in over
    await until(lambda: "expired" in second.plain)
    assert await team.clicks_old(team.bea, second, old) == over
    assert (await team.last_job()).votes == ()
    third = await team.asks(team.ann, "ship shop prod")
    await team.bea.says("@baton approve", channel=CHANNEL, thread_ts=third.ts)
    await until(lambda: "Approved by bea." in third.plain)
    await team.cem.says("@baton deny because late", channel=CHANNEL, thread_ts=third.ts)
    await until(lambda: "refused" in third.plain)
    assert team.started == [1, 1]
    assert team.posts == [post, second, third]


async def test_a_hundred_clicks_at_once_are_five_votes_and_one_start(
    team: Team, stack: AsyncExitStack
) -> None:
    """20 clicks each of 5 people, at one moment, through Slack, over two bots: each person is
    answered, 5 rows of votes, and each server starts it once."""
    people = [team.slack.person(f"U_{number}", name=f"p{number}") for number in range(5)]
    await team.begin(stack, GateTable(approvals=5))
    post = await team.asks(team.ann, "ship shop prod")
    clicks = [(person, person.clicks(post, APPROVE)) for person in people for _ in range(20)]
    random.Random(1).shuffle(clicks)
    replies = await asyncio.gather(*[click for _, click in clicks])
    assert [reply.error for reply in replies] == [None] * 100
    await until(lambda: "succeeded" in post.plain)
    assert team.started == [1, 1]
    votes = (await team.last_job()).votes
    assert sorted(vote.person.id for vote in votes) == [person.id for person in people]
    await until(lambda: all(person.ephemerals for person in people))
    assert team.posts == [post]


async def test_locks_in_slack(team: Team, stack: AsyncExitStack) -> None:
    """Somebody locks, another is refused with the reason, waits, gets it by itself and is told; the
    loser of a lock that is taken, and who is handed one, are told too."""
    await team.begin(stack)
    has = await team.types(team.bea, "lock shop prod for 2h because migration")
    assert "You have the lock of shop in prod" in has
    refused = await team.types(team.ann, "ship shop prod")
    assert refused.startswith("Locked: shop in prod, by bea, until ")
    assert "“migration”. To wait for it: /lock shop prod" in refused
    waits = await team.types(team.ann, "lock shop prod for 1h because release")
    assert "as number 1. Before you: bea (until" in waits
    assert "Unlocked: shop in prod." in await team.types(team.bea, "unlock shop prod")
    await team.told("ann: it is your turn")
    await team.ann.slash("/baton ship shop prod", channel=CHANNEL)
    await until(lambda: team.started == [1, 1])
    await team.types(team.dan, "lock shop prod --steal because checkout is down")
    await team.told("ann", "dan has taken your lock of shop in prod", "checkout is down")
    await team.types(team.dan, "lock shop prod --give @bea")
    await team.told("bea", "dan has given you the lock of shop in prod")
    assert "bea" in await team.types(team.dan, "locks")
