"""Slack's front end and the bot's dispatcher together: what each promises holds for both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from baton_slack_testing import Person, SlackServer, Slow
from bot.dispatch.policy import EnvironmentTable, Policy, Rule, is_private
from bot.fronts.slack import SlackChat, Tokens
from bot.fronts.slack.listeners.people import GROUPS_TIMEOUT
from bot.store import Store
from tests.bot.counter import Counter
from tests.support.wait import until

POLICY = Policy(
    [
        Rule(who=("*",), environments=("staging",)),
        Rule(who=("@deployers",), environments=("prod",)),
        Rule(who=("U_FAR",), environments=("prod",)),
    ],
    {"prod": EnvironmentTable(protected=True)},
)


@pytest.fixture
async def team(slack: SlackServer, store: Store) -> AsyncIterator[Counter]:
    """A bot's dispatcher, with everybody in front of it."""
    counter = Counter(store, POLICY)
    tokens = Tokens(slack.bot_token, slack.app_token)
    chat = SlackChat(counter.dispatcher, tokens, api_url=slack.url)
    await chat.start()
    await slack.connected(2)
    yield counter
    await chat.close()


async def jobs(team: Counter) -> list[str]:
    """What was begun, the first first."""
    return [job.title for job in reversed(await team.store.ledger.recent(20))]


async def told(person: Person, text: str) -> None:
    """Wait until `person` has read `text`."""
    await until(lambda: any(text in words for words in person.ephemerals))


async def test_one_message_is_one_job(slack: SlackServer, team: Counter) -> None:
    """Though its author edits it, whatever bot hears of that, before and after a restart."""
    ann = slack.person("U_ANN")
    said = await ann.says("@baton ship shop staging", channel="C_OPS")
    assert await slack.socket.deliveries[-1].done
    for text in ("@baton ship shop staging ", "@baton ship shop prod"):
        await ann.edits(said, text)
        assert await slack.socket.deliveries[-1].done
    await told(ann, "has already started “ship shop staging” (job ")
    assert await jobs(team) == ["ship shop staging"]


async def test_a_job_asked_in_direct_messages_is_shown_there(
    slack: SlackServer, team: Counter
) -> None:
    """And is as private as they are."""
    ann = slack.person("U_ANN")
    await ann.writes("ship shop staging.")
    await until(lambda: team.woken)
    job = (await team.store.ledger.recent(1))[0]
    assert (job.title, job.place.channel) == ("ship shop staging", "D_ANN")
    assert is_private(job.place)


@pytest.mark.slow
async def test_a_cancel_is_kept_under_its_message(slack: SlackServer, team: Counter) -> None:
    """One that stopped something stops nothing more when it is edited; one that did not may."""
    ann = slack.person("U_ANN")
    root = await ann.says("an incident", channel="C_OPS")
    said = await ann.says("@baton cancel", channel="C_OPS", thread_ts=root.ts)
    await told(ann, "There is no job in this thread")
    await ann.says("@baton ship shop staging", channel="C_OPS", thread_ts=root.ts)
    assert await slack.socket.deliveries[-1].done
    job = (await team.store.ledger.recent(1))[0].id
    await ann.says(f"@baton cancel {job}", channel="C_OPS", thread_ts=root.ts)
    assert await slack.socket.deliveries[-1].done
    began = await team.dispatcher.started_by(f"slack:C_OPS/{said.ts}")
    assert began is None, "it stopped nothing, so its edit may"
    entry = (await team.store.audit.recent(1))[0]
    assert (entry.verdict, entry.job, entry.key[:11]) == ("allowed", job, "slack:C_OPS")


async def test_a_rule_for_a_group_lets_its_members_in(slack: SlackServer, team: Counter) -> None:
    """`@deployers` in baton.toml is the handle that Slack tells, and nobody else."""
    slack.add_group("S0DEP", "deployers", ["U_ANN"])
    ann, ben = slack.person("U_ANN"), slack.person("U_BEN")
    await ann.slash("/baton ship shop prod", channel="C_OPS")
    assert await jobs(team) == ["ship shop prod"]
    refused = await ben.slash("/baton ship shop prod", channel="C_OPS")
    assert "@deployers" in str(refused.ephemeral) or "rule" in str(refused.ephemeral)
    assert await jobs(team) == ["ship shop prod"]


@pytest.mark.slow
async def test_a_slow_list_of_groups_shuts_nobody_out(slack: SlackServer, team: Counter) -> None:
    """It is said that it cannot be known, first, and no missing rule; the next ask is taken."""
    slack.add_group("S0DEP", "deployers", ["U_ANN"])
    slack.faults.add("usergroups.list", Slow(GROUPS_TIMEOUT + 0.6), times=None)
    ann = slack.person("U_ANN")
    reply = await ann.slash("/baton ship shop prod", channel="C_OPS")
    assert "Cannot read the user groups from Slack" in str(reply.ephemeral)
    assert "[[allow]]" not in str(reply.ephemeral)
    await ann.slash("/baton ship shop prod", channel="C_OPS")
    assert await jobs(team) == ["ship shop prod"]


@pytest.mark.parametrize("who", [{"team": "T_OTHERCO"}, {"guest": "single"}])
async def test_strangers_do_and_read_nothing(
    slack: SlackServer, team: Counter, who: dict[str, str]
) -> None:
    """`*` means members; by a rule that names them they may."""
    eve = slack.person("U_EVE", **who)
    for line in ("ship shop staging", "hail staging", "help", "jobs", "servers", "audit"):
        reply = await eve.slash(f"/baton {line}", channel="C_OPS")
        assert "ermission" in str(reply.ephemeral) or "ot allowed" in str(reply.ephemeral), line
    assert await jobs(team) == []
    far = slack.person("U_FAR", **who)
    await far.slash("/baton ship shop prod", channel="C_OPS")
    assert await jobs(team) == ["ship shop prod"]


async def test_a_quoted_command_is_no_job(slack: SlackServer, team: Counter) -> None:
    """Whoever quotes it."""
    ben = slack.person("U_BEN")
    await ben.says("> @baton ship shop staging", channel="C_OPS")
    await told(ben, "start with @baton")
    assert await jobs(team) == []


async def test_a_reason_is_kept_as_it_was_typed(slack: SlackServer, team: Counter) -> None:
    """Nothing that is typed is a mistake of Baton's, however it is meant."""
    ann = slack.person("U_ANN")
    for line in (
        "/alerts silence host=web-2 for 2h because it's being replaced",
        "/baton ship 'shop prod",
        "/baton ship shop staging " + "y" * 3000,
        "/baton \ud800\0",
    ):
        reply = await ann.slash(line, channel="C_OPS")
        assert "Baton itself" not in str(reply.ephemeral)
        assert "quote is opened" not in str(reply.ephemeral) or "'shop" in line
        assert len(str(reply.ephemeral)) < 1000
