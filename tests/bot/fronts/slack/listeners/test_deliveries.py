"""People come in by the front door: as Slack delivers what they do, to the dispatcher and back."""

from __future__ import annotations

import pytest

from baton_slack_testing import SlackServer
from bot.dispatch.reply import Reply, ReplyKind
from bot.fronts.slack import SlackChat
from tests.bot.fronts.slack.conftest import new_chat
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher
from tests.bot.fronts.slack.listeners.test_handlers import posted
from tests.support.wait import until


def refusing(text: str) -> Reply:
    """A dispatcher that takes nothing."""
    return Reply("Unknown command “depoly”.", kind=ReplyKind.UNUSABLE)


async def test_an_edited_mention_is_not_done_again(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """It began something: the same words begin nothing more, and of others the author is told."""
    ann = slack.person("U_ANN")
    said = await ann.says("@baton deploy shop staging", channel="C_OPS")
    await until(lambda: len(dispatcher.asks) == 1)
    await slack.socket.deliveries[-1].done
    await ann.edits(said, "@baton deploy shop staging ")
    assert await slack.socket.deliveries[-1].done
    await ann.edits(said, "@baton deploy shop prod")
    assert await slack.socket.deliveries[-1].done
    await until(lambda: "has already started “deploy shop staging”" in ann.ephemerals[-1])
    assert [ask.text for ask in dispatcher.asks] == ["deploy shop staging"]
    assert dispatcher.asks[0].key == f"slack:C_OPS/{said.ts}"


async def test_an_edit_waits_for_its_message(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """While the message is still at work nobody knows whether it begins something."""
    dispatcher.gate.clear()
    ann = slack.person("U_ANN")
    said = await ann.says("@baton deploy shop staging", channel="C_OPS")
    await until(lambda: len(dispatcher.asks) == 1)
    await ann.edits(said, "@baton deploy shop prod")
    await until(lambda: len(slack.socket.deliveries) == 2)
    dispatcher.gate.set()
    await until(lambda: "has already started" in str(ann.ephemerals))
    assert [ask.text for ask in dispatcher.asks] == ["deploy shop staging"]


async def test_a_message_is_taken_once_under_whatever_event(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Slack tells of it under two ids of events at the same moment: both are acknowledged."""
    event = {"type": "app_mention", "user": "U_ANN", "channel": "C_OPS", "ts": "1.0"}
    slack.person("U_ANN")
    sent = [await slack.event({**event, "text": "<@U_BATON> ping prod"}) for _ in range(3)]
    assert [await each.done for each in sent] == [True] * 3
    assert [ask.text for ask in dispatcher.asks] == ["ping prod"]


async def test_an_edit_of_what_began_nothing_may_begin(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Who mends a typo has asked."""
    ann = slack.person("U_ANN")
    taking, dispatcher.reply = dispatcher.reply, refusing
    said = await ann.says("@baton depoly shop staging", channel="C_OPS")
    await until(lambda: ann.ephemerals)
    dispatcher.reply = taking
    await ann.edits(said, "@baton deploy shop staging")
    await until(lambda: [ask.text for ask in dispatcher.asks][1:] == ["deploy shop staging"])


async def test_a_quote_is_no_command(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Nor is a word about one: their author reads, alone, how to ask."""
    ben = slack.person("U_BEN")
    for text in ("> @baton deploy shop staging", "did you @baton deploy shop staging?"):
        await ben.says(text, channel="C_OPS")
        assert await slack.socket.deliveries[-1].done
    await until(lambda: len([told for told in ben.ephemerals if "start with @baton" in told]) == 2)
    assert dispatcher.asks == []


@pytest.mark.parametrize(
    ("who", "standing"),
    [
        ({"team": "T_OTHERCO"}, "outside"),
        ({"guest": "multi"}, "guest"),
        ({"guest": "single"}, "guest"),
        ({}, "member"),
    ],
)
async def test_who_asks_is_known_by_more_than_an_id(
    slack: SlackServer,
    chat: SlackChat,
    dispatcher: FakeDispatcher,
    who: dict[str, str],
    standing: str,
) -> None:
    """Of another organization, or a guest: the dispatcher knows it, whichever way they come."""
    eve = slack.person("U_EVE", **who)
    await eve.slash("/deploy shop prod", channel="C_OPS")
    await eve.says("@baton deploy shop prod", channel="C_OPS")
    await eve.says("@baton help", channel="C_OPS")
    post = await posted(chat, slack)
    await eve.clicks(post, "baton_cancel")
    await until(lambda: len(dispatcher.asks) == 4)
    assert {ask.asker.standing for ask in dispatcher.asks} == {standing}
    assert {ask.asker.name for ask in dispatcher.asks} == {"eve"}


async def test_our_enterprise_is_ours(dispatcher: FakeDispatcher) -> None:
    """A member of another workspace of it is a member."""
    async with SlackServer(enterprise="E_US") as slack:
        chat = new_chat(slack, dispatcher)
        await chat.start()
        await slack.connected(2)
        sister = slack.person("U_SIS", team="T_SISTER", enterprise="E_US")
        await sister.slash("/ping prod", channel="C_OPS")
        other = slack.person("U_EVE", team="T_OTHER", enterprise="E_OTHER")
        await other.slash("/ping prod", channel="C_OPS")
        assert [ask.asker.standing for ask in dispatcher.asks] == ["member", "outside"]
        await chat.close()


async def test_a_labelled_mention_is_a_mention(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Some clients write the name too."""
    await slack.person("U_ANN").says("<@U_BATON|baton>: `ping staging`", channel="C_OPS")
    await until(lambda: dispatcher.asks)
    assert dispatcher.asks[0].text == "ping staging"


async def test_the_bot_answers_in_direct_messages(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """No name is needed there; an edit is the same message; what the bot itself says is nothing."""
    ann = slack.person("U_ANN")
    said = await ann.writes("deploy shop staging")
    await until(lambda: dispatcher.asks)
    place = dispatcher.asks[0].place
    assert (place.channel, place.name, dispatcher.asks[0].asker.name) == (
        "D_ANN",
        "directmessage",
        "ann",
    )
    await slack.socket.deliveries[-1].done
    await ann.edits(said, "deploy shop prod")
    await until(lambda: "has already started" in str(ann.ephemerals))
    event = {"type": "message", "channel_type": "im", "channel": "D_ANN", "user": "U_BATON"}
    own = await slack.event({**event, "bot_id": "B_BATON", "text": "ping prod", "ts": "9.0"})
    assert await own.done
    assert [ask.text for ask in dispatcher.asks] == ["deploy shop staging"]


async def test_a_double_click_is_one_press(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """The second does nothing, and is answered by nothing; somebody else's press is their own."""
    post = await posted(chat, slack)
    ann, ben = slack.person("U_ANN"), slack.person("U_BEN")
    for _ in range(2):
        await ann.clicks(post, "baton_cancel")
    await ben.clicks(post, "baton_cancel")
    await until(lambda: [ask.asker.id for ask in dispatcher.asks] == ["U_ANN", "U_BEN"])
    await until(lambda: len(ann.ephemerals) == len(ben.ephemerals) == 1)


async def test_a_refused_press_may_be_tried_again(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """At once: nobody who was told to try again is met with silence."""
    post = await posted(chat, slack)
    taking, dispatcher.reply = dispatcher.reply, refusing
    ann = slack.person("U_ANN")
    await ann.clicks(post, "baton_cancel")
    dispatcher.reply = taking
    await ann.clicks(post, "baton_cancel")
    await until(lambda: len(ann.ephemerals) == 2)
    assert len(dispatcher.asks) == 2


async def test_a_mention_has_the_name_of_its_author(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """As a slash command has: posts, refusals and the audit show one person under one name."""
    ann = slack.person("U_ANN")
    await ann.slash("/ping prod", channel="C_OPS")
    await ann.says("@baton ping prod", channel="C_OPS")
    await until(lambda: len(dispatcher.asks) == 2)
    assert dispatcher.asks[0].asker == dispatcher.asks[1].asker
