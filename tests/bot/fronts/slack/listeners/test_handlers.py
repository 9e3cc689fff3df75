"""What people type and press reaches the dispatcher, and they are answered in time."""

from __future__ import annotations

import asyncio
import time

import pytest

from baton.bus.messages import State
from baton.errors import BatonError
from baton.outcome import Answer
from baton_slack_testing import Hang, Message, ServerError, SlackServer
from bot.content import Button, JobContent, Post
from bot.dispatch.reply import Reply, ReplyKind
from bot.fronts.slack import SlackChat, Tokens
from bot.fronts.slack.listeners import deliveries, handlers
from bot.jobs import Place
from tests.bot.fronts.slack.conftest import new_chat
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher
from tests.support.wait import until

CHANNEL = Place("slack", "C_OPS")


async def posted(chat: SlackChat, slack: SlackServer, thread: str = "") -> Message:
    """A job's post, with its button."""
    button = Button("cancel", "Cancel", "j1")
    content = JobContent("deploy shop prod", "U_ANN", "", State.RUNNING, buttons=(button,))
    ref = await chat.front.post(CHANNEL, Post("k1", content), thread=thread)
    return slack.channel("C_OPS").message(ref)


async def test_a_slash_command_is_brought_to_the_dispatcher(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Words, person, place and the key of the ask; the reply is seen by the one who asked alone."""
    reply = await slack.person("U_ANN").slash("/deploy shop prod --ref v2", channel="C_OPS")
    assert reply.ephemeral == "Taken: deploy shop prod --ref v2"
    assert (reply.delivery.answer or {})["response_type"] == "ephemeral"
    ask = dispatcher.asks[0]
    assert (ask.text, ask.asker.id, ask.asker.name) == ("deploy shop prod --ref v2", "U_ANN", "ann")
    assert ask.place == Place("slack", "C_OPS", name="ops")
    assert ask.key == f"slack:{reply.delivery.payload['trigger_id']}"


async def test_baton_takes_every_command(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """`/baton log j1` asks `log j1`, `/baton cancel j1` cancels, `/baton` alone helps."""
    ann = slack.person("U_ANN")
    await ann.slash("/baton log j1", channel="C_OPS")
    await ann.slash("/baton cancel j1", channel="C_OPS")
    assert [(ask.kind, ask.text) for ask in dispatcher.asks] == [
        ("ask", "log j1"),
        ("ask", "cancel j1"),
    ]
    for line in ("/baton", "/baton help"):
        every = str((await ann.slash(line, channel="C_OPS")).ephemeral)
        assert "What can be asked" in every
        assert "/baton jobs" in every
    of_one = await ann.slash("/baton help deploy", channel="C_OPS")
    assert "/deploy APP ENVIRONMENT" in str(of_one.ephemeral)
    assert "Which job?" in str((await ann.slash("/baton cancel", channel="C_OPS")).ephemeral)
    asked = [ask.text for ask in dispatcher.asks]
    assert asked == ["log j1", "cancel j1", "help", "help", "help deploy"]
    dispatcher.reply = lambda text: Reply("Usage: /jobs [ENVIRONMENT]", kind=ReplyKind.REFUSED)
    wrong = await ann.slash("/baton jobs --x", channel="C_OPS")
    assert str(wrong.ephemeral) == "Usage: /baton jobs [ENVIRONMENT]"


async def test_a_mention_in_a_thread_cancels_its_job(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Slash commands do not work in threads, so `@baton cancel` does; the answer is private."""
    post = await posted(chat, slack)
    ben = slack.person("U_BEN")
    await ben.says("@baton cancel", channel="C_OPS", thread_ts=post.ts)
    await until(lambda: ben.ephemerals)
    assert (dispatcher.asks[0].kind, dispatcher.asks[0].place.thread) == (
        "ask_in_thread",
        post.ts,
    )
    assert slack.channel("C_OPS").ephemerals[0].thread_ts == post.ts


async def test_other_apps_ask_nothing(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """A mention by another app is acknowledged and not taken: no two bots talk for ever."""
    event = {"type": "app_mention", "user": "U_X", "bot_id": "B_X", "channel": "C_OPS"}
    delivery = await slack.event({**event, "text": "<@U_BATON> ping prod", "ts": "1.0"})
    assert await delivery.done
    assert dispatcher.asks == []


async def test_the_button_cancels(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """It is acknowledged, and a refusal is told to the one who pressed it."""
    post = await posted(chat, slack)
    dispatcher.reply = lambda text: Reply("You may not cancel this.", kind=ReplyKind.REFUSED)
    reply = await slack.person("U_BEN").clicks(post, "baton_cancel")
    await until(lambda: reply.ephemeral == "You may not cancel this.")
    assert [(ask.kind, ask.text, ask.asker.id) for ask in dispatcher.asks] == [
        ("cancel", "j1", "U_BEN")
    ]


@pytest.mark.slow
async def test_a_slow_dispatcher_is_not_waited_for(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """The person reads within 3 s that it takes longer, and later what became of it."""
    dispatcher.gate.clear()
    ann = slack.person("U_ANN")
    reply = await ann.slash("/deploy shop prod", channel="C_OPS")
    assert reply.acked_after is not None
    assert reply.acked_after < 3
    assert reply.ephemeral == handlers.STILL_WORKING
    dispatcher.gate.set()
    await until(lambda: "Taken: deploy shop prod" in str(reply.ephemeral))


@pytest.mark.slow
async def test_what_cannot_be_whispered_is_told_directly(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Somebody who left the channel meanwhile is told in a direct message."""
    dispatcher.gate.clear()
    ann = slack.person("U_ANN")
    await ann.slash("/deploy shop prod", channel="C_OPS")
    ann.leaves("C_OPS")
    dispatcher.gate.set()
    await until(lambda: "D_ANN" in slack.workspace.channels)
    await until(lambda: slack.channel("D_ANN").messages)
    assert slack.channel("D_ANN").messages[0].plain == "Taken: deploy shop prod"


async def test_answers_do_not_need_the_web_api(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """With Slack's Web API down a command of somebody who is known is still answered with what
    became of it; others read why nothing was done, in time."""
    ann, ben = slack.person("U_ANN"), slack.person("U_BEN")
    await ann.slash("/deploy shop lab", channel="C_OPS")
    slack.faults.add("*", Hang(), times=None)
    reply = await ann.slash("/deploy shop prod", channel="C_OPS")
    assert reply.ephemeral == "Taken: deploy shop prod"
    other = await ben.slash("/deploy shop prod", channel="C_OPS")
    assert "whether you are a member" in str(other.ephemeral)
    assert other.acked_after is not None
    assert other.acked_after < 3
    assert [ask.text for ask in dispatcher.asks] == ["deploy shop lab", "deploy shop prod"]


@pytest.mark.slow
async def test_groups_that_cannot_be_looked_up_refuse_in_time(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Nobody is let in by a group that Slack does not tell of, and the person reads why."""
    dispatcher.wants_groups = True
    slack.faults.add("usergroups.list", Hang(), times=None)
    reply = await slack.person("U_ANN").slash("/deploy shop prod", channel="C_OPS")
    assert "Cannot read the user groups from Slack" in str(reply.ephemeral)
    assert reply.acked_after is not None
    assert reply.acked_after < 3


async def test_groups_are_known_by_id_and_handle(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """One call gives them, and it is good for a minute."""
    dispatcher.wants_groups = True
    slack.add_group("S1", "deployers", ["U_ANN"])
    await slack.person("U_ANN").slash("/deploy shop prod", channel="C_OPS")
    assert dispatcher.groups == frozenset({"S1", "deployers"})
    await slack.person("U_BEN").slash("/deploy shop prod", channel="C_OPS")
    assert dispatcher.groups == frozenset()
    assert slack.calls.counts["usergroups.list"] == 1


class Unwell(BatonError):
    """The database is locked."""


async def test_what_the_dispatcher_raises_is_told(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """An error of Baton's reads as it is; any other says what is not known."""

    def locked(text: str) -> Reply:
        raise Unwell

    def broken(text: str) -> Reply:
        raise ZeroDivisionError

    ann = slack.person("U_ANN")
    dispatcher.reply = locked
    assert (await ann.slash("/ping prod", channel="C_OPS")).ephemeral == "The database is locked."
    dispatcher.reply = broken
    said = (await ann.slash("/ping prod", channel="C_OPS")).ephemeral
    assert "It is not known whether your request was accepted" in str(said)


async def test_twice_delivered_is_once_asked(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """The same command again, while the first is at work or after, is answered as the first was."""
    dispatcher.gate.clear()
    asked = asyncio.create_task(slack.person("U_ANN").slash("/ping prod", channel="C_OPS"))
    await until(lambda: dispatcher.asks)
    twin = await slack.redeliver(slack.socket.deliveries[0])
    dispatcher.gate.set()
    reply = await asked
    assert await twin.done
    third = await slack.redeliver(reply.delivery)
    assert await third.done
    assert reply.delivery.answer == twin.answer == third.answer
    assert len(dispatcher.asks) == 1


async def test_an_event_is_kept_before_it_is_acknowledged(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """A crash before the dispatcher has it must not lose it, so Slack hears nothing until then."""
    dispatcher.gate.clear()
    await slack.person("U_ANN").says("@baton ping prod", channel="C_OPS")
    await until(lambda: dispatcher.asks)
    delivery = slack.socket.deliveries[-1]
    assert not delivery.done.done()
    dispatcher.gate.set()
    assert await delivery.done


@pytest.mark.slow
async def test_a_mention_that_nobody_could_answer_comes_again(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Not taken, and the person not told: it is not acknowledged, and the retry is taken."""

    def locked(text: str) -> Reply:
        raise Unwell

    dispatcher.reply = locked
    slack.faults.add("chat.postEphemeral", ServerError(), times=None)
    await slack.person("U_ANN").says("@baton ping prod", channel="C_OPS")
    first = slack.socket.deliveries[-1]
    assert not await first.done
    slack.faults.clear()
    dispatcher.reply = lambda text: Reply("Taken")
    await until(lambda: "Taken" in slack.person("U_ANN").ephemerals)
    assert len(dispatcher.asks) == 2


async def test_whatever_nobody_listens_to_is_acknowledged(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Slack would send it again and again; an unknown command is answered."""
    assert await (await slack.event({"type": "team_join", "user": {"id": "U_X"}})).done
    object.__setattr__(slack.manifest, "commands", None)
    reply = await slack.person("U_ANN").slash("/approve it", channel="C_OPS")
    assert "does not know /approve" in str(reply.ephemeral)


@pytest.mark.slow
async def test_not_more_at_once_than_the_bound(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """Beyond it people are told, within 3 s, that nothing was taken; what was begun goes on."""
    dispatcher.gate.clear()
    ann = slack.person("U_ANN")
    asked = [
        asyncio.create_task(ann.slash(f"/ping prod{at}", channel="C_OPS"))
        for at in range(deliveries.MAX_CONCURRENT + 20)
    ]
    replies = await asyncio.gather(*asked)
    answers = [str((reply.delivery.answer or {}).get("text")) for reply in replies]
    assert answers.count(deliveries.BUSY) == 20
    assert dispatcher.most_at_once == deliveries.MAX_CONCURRENT
    assert all(reply.acked_after is not None for reply in replies)
    dispatcher.gate.set()
    await until(
        lambda: sum("Taken" in said for said in ann.ephemerals) == deliveries.MAX_CONCURRENT
    )
    assert (await ann.slash("/ping prod", channel="C_OPS")).delivery.answer is not None


@pytest.mark.slow
async def test_an_answer_is_private_even_if_the_connection_is_lost(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """The connection died while the dispatcher worked: the person is told by the Web API."""
    dispatcher.gate.clear()
    ann = slack.person("U_ANN")
    asked = asyncio.create_task(ann.slash("/ping prod", channel="C_OPS"))
    await until(lambda: dispatcher.asks)
    slack.socket.refuse()
    slack.socket.drop()
    await until(lambda: not slack.socket.connections)
    await until(lambda: chat.heard is None)
    dispatcher.gate.set()
    await until(lambda: ann.ephemerals == ["Taken: ping prod"])
    slack.socket.accept()
    await asked


async def test_a_table_is_aligned_and_bounded(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """What does not fit in a private answer is counted."""
    rows = tuple((f"web-{at}", "shop") for at in range(500))
    dispatcher.reply = lambda text: Reply(answer=Answer("500 servers", ("host", "runs"), rows))
    text = str((await slack.person("U_ANN").slash("/servers", channel="C_OPS")).ephemeral)
    assert text.startswith("500 servers\n```\nhost     runs\nweb-0    shop\n")
    assert "more\n```" in text
    assert len(text) < 4000


async def test_a_long_document_is_given_as_a_file(
    slack: SlackServer, dispatcher: FakeDispatcher
) -> None:
    """In the thread of the job that it is about, and else in a direct message."""
    document = "\n".join(f"line {at}" for at in range(2000))
    dispatcher.reply = lambda text: Reply(answer=Answer("The log", document=document), job="j1")
    chat = new_chat(slack, dispatcher)
    await chat.start()
    await slack.connected(2)
    ann = slack.person("U_ANN")
    reply = await ann.slash("/baton log j1", channel="C_OPS")
    assert "you get it as a file" in str(reply.ephemeral)
    await until(lambda: slack.files)
    assert (slack.files[0].shared, slack.files[0].content) == ("D_ANN", document.encode())
    await chat.close()


async def test_a_long_document_goes_to_the_thread_of_its_job(
    slack: SlackServer, dispatcher: FakeDispatcher
) -> None:
    """Where the job is shown is told by the bot."""
    shown: list[Place] = []

    async def where(job: str) -> Place | None:
        return shown[0]

    chat = SlackChat(
        dispatcher, Tokens(slack.bot_token, slack.app_token), api_url=slack.url, where=where
    )
    await chat.start()
    await slack.connected(2)
    post = await posted(chat, slack)
    shown.append(Place("slack", "C_OPS", post.ts))
    dispatcher.reply = lambda text: Reply(answer=Answer("The log", document="x\n" * 4000), job="j1")
    await slack.person("U_ANN").slash("/baton log j1", channel="C_OPS")
    await until(lambda: slack.files)
    assert (slack.files[0].shared, slack.files[0].thread_ts) == ("C_OPS", post.ts)
    await chat.close()


async def test_draining_finishes_and_tells_who_comes_late(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """What was taken is answered; who asks meanwhile reads that nothing was; then all is closed."""
    dispatcher.gate.clear()
    ann = slack.person("U_ANN")
    asked = asyncio.create_task(ann.slash("/deploy shop prod", channel="C_OPS"))
    await until(lambda: dispatcher.asks)
    started = time.monotonic()
    draining = asyncio.create_task(chat.drain(60))
    late = await ann.slash("/ping prod", channel="C_OPS")
    assert late.ephemeral == deliveries.STOPPING
    dispatcher.gate.set()
    assert (await asked).delivery.answer == {
        "response_type": "ephemeral",
        "text": "Taken: deploy shop prod",
    }
    await draining
    assert time.monotonic() - started < 30
    await until(lambda: not slack.socket.connections)
    assert [ask.text for ask in dispatcher.asks] == ["deploy shop prod"]


async def test_two_bots_share_what_is_delivered(
    slack: SlackServer, dispatcher: FakeDispatcher
) -> None:
    """Any delivery may come to any bot, the same one to both: the key of the ask is the same."""
    bots = [new_chat(slack, dispatcher) for _ in range(2)]
    for bot in bots:
        await bot.start()
    await slack.connected(4)
    first = await slack.person("U_ANN").slash("/ping prod", channel="C_OPS")
    for _ in range(3):
        twin = await slack.redeliver(first.delivery)
        assert await twin.done
        assert twin.answer == first.delivery.answer
    assert len({ask.key for ask in dispatcher.asks}) == 1
    assert len(dispatcher.asks) == 2
    for bot in bots:
        await bot.close()
