"""Who may ask, from Slack to the ledger: the strict server's people, and the real dispatcher."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from baton_slack_testing import ServerError, SlackServer
from bot.dispatch.policy import EnvironmentTable, Policy, Rule
from bot.fronts.slack import SlackChat, Tokens
from bot.store import Store
from tests.bot.counter import Counter
from tests.support.wait import until

POLICY = Policy(
    [
        Rule(who=("@oncall",), commands=("ship",), environments=("prod",)),
        Rule(who=("S_DEV",), commands=("ship",), environments=("staging",)),
    ],
    {"prod": EnvironmentTable(protected=True, ask="#ops")},
)


@pytest.fixture
async def counter(slack: SlackServer, store: Store) -> AsyncIterator[Counter]:
    """The dispatcher of a bot that knows servers in prod and staging, and Slack before it."""
    slack.add_group("S_ONCALL", "oncall", ["U_ANN"])
    slack.add_group("S_DEV", "devs", ["U_BEN"])
    counter = Counter(store, POLICY)
    chat = SlackChat(
        counter.dispatcher, Tokens(slack.bot_token, slack.app_token), api_url=slack.url
    )
    await chat.start()
    await slack.connected(2)
    yield counter
    await chat.close()


async def test_a_group_rule_lets_its_members_in_and_nobody_else(
    slack: SlackServer, counter: Counter
) -> None:
    """By handle with an @, and by id; by a slash command and by a mention."""
    ann, ben = slack.person("U_ANN"), slack.person("U_BEN")
    await ann.slash("/baton ship shop prod", channel="C_OPS")
    assert [job.environment for job in await counter.store.ledger.recent()] == ["prod"]
    refused = await ben.slash("/baton ship shop prod", channel="C_OPS")
    assert 'Required rule: [[allow]] who = ["U_BEN"]' in str(refused.ephemeral)
    await ben.says("@baton ship shop staging", channel="C_OPS")

    async def both() -> bool:
        return len(await counter.store.ledger.recent()) == 2

    await until(both)
    await ann.says("@baton ship shop staging", channel="C_OPS")
    await until(lambda: any("Not allowed: " in told for told in ann.ephemerals))
    assert await both()


async def test_groups_that_slack_does_not_tell_let_nobody_in_and_miss_no_rule(
    slack: SlackServer, counter: Counter
) -> None:
    """The person reads that it cannot be known now; once Slack answers, they are let in."""
    slack.faults.add("usergroups.list", ServerError(), times=None)
    ann = slack.person("U_ANN")
    told = str((await ann.slash("/baton ship shop prod", channel="C_OPS")).ephemeral)
    assert told.startswith("Your permissions cannot be checked now")
    assert "rule:" not in told
    assert (await counter.store.audit.recent(1))[0].verdict == "undecided"
    slack.faults.clear()

    async def let_in() -> bool:
        await ann.slash("/baton ship shop prod", channel="C_OPS")
        return bool(await counter.store.ledger.recent())

    await until(let_in, every=0.2)


async def test_strangers_are_told_one_sentence(slack: SlackServer, counter: Counter) -> None:
    """Help too, by whatever way they ask it."""
    eve = slack.person("U_EVE", guest="single")
    for line in ("/baton help", "/servers", "/baton jobs"):
        told = str((await eve.slash(line, channel="C_OPS")).ephemeral)
        assert told == (
            "Not allowed: you are a guest, and no rule in baton.toml names your user ID (U_EVE)."
        )
