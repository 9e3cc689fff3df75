"""What Slack tells of people who schedule something, and the buttons under a schedule."""

from __future__ import annotations

import time
from functools import partial

import pytest

from baton.messages import State
from baton.outcome import Answer
from bot.front import JobContent, Post, Reply
from bot.jobs import Place
from bot.people import Profile
from bot.schedules.board import buttons
from bot.slack import SlackChat
from bot.slack.calls import Calls
from bot.slack.people import KNOWN, People, PersonUnknown
from tests.slack.desk import FakeDesk
from tests.support.slack_server import Hang, SlackServer
from tests.support.slack_server import Reply as Told
from tests.support.wait import until


async def test_a_profile_is_a_zone_and_whether_they_are_here(
    slack: SlackServer, calls: Calls
) -> None:
    """It is asked for once, and good for a while; who has left is gone."""
    clock = [0.0]
    people = People(calls, lambda: clock[0])
    slack.person("U_ANN", tz="Europe/Kyiv")
    for _ in range(3):
        assert await people.profile("U_ANN") == Profile("Europe/Kyiv", name="ann")
    assert slack.calls.counts["users.info"] == 1
    slack.workspace.users["U_ANN"].deleted = True
    clock[0] = KNOWN
    assert await people.profile("U_ANN") == Profile("", gone=True, name="ann")


async def test_who_is_not_told_of_is_not_gone(slack: SlackServer, calls: Calls) -> None:
    """Slack that does not answer in time, or knows nobody of that name, says nothing of them."""
    people = People(calls)
    with pytest.raises(PersonUnknown):
        await people.profile("U_NOBODY")
    slack.faults.add("users.info", Hang(), times=None)
    begun = time.monotonic()
    with pytest.raises(PersonUnknown, match="no answer within"):
        await people.profile("U_ANN")
    assert time.monotonic() - begun < 10


def test_zones_that_nobody_knows_are_no_zones() -> None:
    """What is kept is a name that the time zone database has."""
    assert Profile("Europe/Kyiv").zone == "Europe/Kyiv"
    assert Profile("Etc/UTC").zone == "UTC"
    assert Profile("Mars/Phobos").zone == ""
    assert Profile("../passwd").zone == ""


async def test_buttons_ask_as_if_it_had_been_typed(
    slack: SlackServer, chat: SlackChat, desk: FakeDesk
) -> None:
    """Each press is an ask of its own by whoever presses; the answer is for them alone."""
    slack.person("U_ANN")
    content = JobContent("ping prod", "U_ANN", "", State.SUCCEEDED, buttons=buttons("s1", "active"))
    place = Place("slack", "C_OPS")
    ref = await chat.front.post(place, Post("k1", content), thread="")
    post = slack.channel("C_OPS").message(ref)
    desk.reply = lambda text: Reply(answer=Answer("What it did", ("when",), (("09:00",),)))
    for action in ("run", "pause", "history", "remove"):
        reply = await slack.person("U_BEN").clicks(post, f"baton_ask.{action}")
        await until(partial(told, reply, "09:00"))
    assert [(ask.kind, ask.text, ask.asker.id) for ask in desk.asks] == [
        ("ask", f"schedule {word} s1", "U_BEN") for word in ("run", "pause", "history", "remove")
    ]
    assert len({ask.key for ask in desk.asks}) == 4


def told(reply: Told, text: str) -> bool:
    """Whether the person alone was shown `text`."""
    return text in str(reply.ephemeral)
