"""What Slack tells of people who schedule something, and the buttons under a schedule."""

from __future__ import annotations

import time
from functools import partial

import pytest

from baton.bus.messages import State
from baton.outcome import Answer
from baton_slack_testing import Hang, RateLimited, ServerError, SlackServer, Slow
from baton_slack_testing import Reply as Told
from bot.content import JobContent, Post
from bot.dispatch.people import Profile
from bot.dispatch.reply import Reply
from bot.fronts.slack import SlackChat
from bot.fronts.slack.listeners import people
from bot.fronts.slack.listeners.people import (
    USER_MAX_AGE,
    GroupsUnavailable,
    SlackDirectory,
    StandingUnavailable,
    UserUnavailable,
    user_groups_in,
)
from bot.fronts.slack.web_api.calls import SlackApi
from bot.jobs import Place
from bot.schedules.posts import buttons
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher
from tests.support.wait import until


async def test_a_profile_is_a_zone_and_whether_they_are_here(
    slack: SlackServer, calls: SlackApi
) -> None:
    """It is asked for once, and good for a while; who has left is gone."""
    clock = [0.0]
    known = SlackDirectory(calls, lambda: clock[0])
    slack.person("U_ANN", tz="Europe/Kyiv")
    for _ in range(3):
        assert await known.profile("U_ANN") == Profile("Europe/Kyiv", name="ann")
    assert slack.calls.counts["users.info"] == 1
    slack.workspace.users["U_ANN"].deleted = True
    clock[0] = USER_MAX_AGE
    assert await known.profile("U_ANN") == Profile("", deactivated=True, name="ann")


async def test_who_is_not_told_of_is_not_gone(slack: SlackServer, calls: SlackApi) -> None:
    """Slack that does not answer in time, or knows nobody of that name, says nothing of them."""
    known = SlackDirectory(calls)
    with pytest.raises(UserUnavailable):
        await known.profile("U_NOBODY")
    slack.faults.add("users.info", Hang(), times=None)
    begun = time.monotonic()
    with pytest.raises(UserUnavailable, match="no answer within"):
        await known.profile("U_ANN")
    assert time.monotonic() - begun < 10


def test_zones_that_nobody_knows_are_no_zones() -> None:
    """What is kept is a name that the time zone database has."""
    assert Profile("Europe/Kyiv").zone == "Europe/Kyiv"
    assert Profile("Etc/UTC").zone == "UTC"
    assert Profile("Mars/Phobos").zone == ""
    assert Profile("../passwd").zone == ""


async def test_buttons_ask_as_if_it_had_been_typed(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Each press is an ask of its own by whoever presses; the answer is for them alone."""
    slack.person("U_ANN")
    content = JobContent("ping prod", "U_ANN", "", State.SUCCEEDED, buttons=buttons("s1", "active"))
    place = Place("slack", "C_OPS")
    ref = await chat.front.post(place, Post("k1", content), thread="")
    post = slack.channel("C_OPS").message(ref)
    dispatcher.reply = lambda text: Reply(answer=Answer("What it did", ("when",), (("09:00",),)))
    for action in ("run", "pause", "history", "remove"):
        reply = await slack.person("U_BEN").clicks(post, f"baton_ask.{action}")
        await until(partial(told, reply, "09:00"))
    assert [(ask.kind, ask.text, ask.asker.id) for ask in dispatcher.asks] == [
        ("ask", f"schedule {word} s1", "U_BEN") for word in ("run", "pause", "history", "remove")
    ]
    assert len({ask.key for ask in dispatcher.asks}) == 4


def told(reply: Told, text: str) -> bool:
    """Whether the person alone was shown `text`."""
    return text in str(reply.ephemeral)


@pytest.mark.slow
async def test_a_slow_list_of_groups_is_had_by_the_next(
    slack: SlackServer, calls: SlackApi
) -> None:
    """It takes longer than anybody waits: it is said that nothing is known, the answer comes all
    the same, and one call was made."""
    slack.add_group("S1", "deployers", ["U_ANN"])
    slack.add_group("S2", "oncall", [])
    slack.faults.add("usergroups.list", Slow(people.GROUPS_TIMEOUT * 1.7), times=None)
    known = SlackDirectory(calls)
    with pytest.raises(GroupsUnavailable, match="Cannot read the user groups from Slack"):
        await known.groups_of("U_ANN")
    assert await known.groups_of("U_ANN") == frozenset({"S1", "deployers"})
    assert await known.groups_of("U_BEN") == frozenset()
    assert await known.groups() == frozenset({"S1", "deployers", "S2", "oncall"})
    assert slack.calls.counts["usergroups.list"] == 1
    await known.close()


async def test_an_older_list_of_groups_will_do_for_a_while(
    slack: SlackServer, calls: SlackApi
) -> None:
    """While Slack gives no newer; not for ever."""
    clock = [0.0]
    known = SlackDirectory(calls, lambda: clock[0])
    slack.add_group("S1", "deployers", ["U_ANN"])
    assert await known.groups_of("U_ANN")
    slack.faults.add("usergroups.list", ServerError(), times=None)
    clock[0] = people.GROUPS_MAX_AGE + 1
    assert await known.groups_of("U_ANN") == frozenset({"S1", "deployers"})
    clock[0] = people.GROUPS_MAX_STALE + 1
    with pytest.raises(GroupsUnavailable, match="503"):
        await known.groups_of("U_ANN")
    slack.faults.clear()
    assert await known.groups_of("U_ANN") == frozenset({"S1", "deployers"})
    await known.close()


async def test_a_limit_is_waited_out(slack: SlackServer, calls: SlackApi) -> None:
    """Who asks meanwhile reads it at once, and Slack is left alone."""
    clock = [0.0]
    known = SlackDirectory(calls, lambda: clock[0])
    slack.faults.add("usergroups.list", RateLimited(20))
    for _ in range(3):
        with pytest.raises(GroupsUnavailable, match="wait 20"):
            await known.groups_of("U_ANN")
    assert slack.calls.counts["usergroups.list"] == 1
    clock[0] = 20.5
    assert await known.groups_of("U_ANN") == frozenset()


async def test_a_standing_outlasts_a_slow_slack(slack: SlackServer, calls: SlackApi) -> None:
    """Who was known is known for a day; who never was is told why nothing was done."""
    clock = [0.0]
    known = SlackDirectory(calls, lambda: clock[0])
    slack.person("U_GUS", guest="single")
    assert (await known.user("U_GUS")).guest
    slack.faults.add("users.info", ServerError(), times=None)
    clock[0] = USER_MAX_AGE + 1
    assert (await known.user("U_GUS")).guest
    with pytest.raises(StandingUnavailable):
        await known.user("U_ANN")
    clock[0] = people.USER_MAX_STALE + 1
    with pytest.raises(StandingUnavailable):
        await known.user("U_GUS")
    slack.faults.clear()
    assert (await known.user("U_NOBODY")).stranger, "that there is nobody is an answer"


def test_a_list_that_is_none_of_slacks_is_no_list() -> None:
    """What is not like a group is left out, and the rest stands."""
    listed = [None, 1, {}, {"id": 7, "users": 3}, {"id": "S1", "handle": "h", "users": ["U", None]}]
    found = user_groups_in(listed)
    assert found.names == frozenset({"S1", "h"})
    assert found.by_user["U"] == frozenset({"S1", "h"})
