"""Forms: a modal asks for what is missing, and the dispatcher gets it as if it were typed."""

from __future__ import annotations

import pytest

from alerts import AlertContent
from alerts.notify.notification import SILENCE
from baton.text.words import split
from baton_slack_testing import Fails, Message, SlackServer
from baton_slack_testing import Reply as Seen
from bot.content import Post
from bot.dispatch.reply import Form, Reply, ReplyKind
from bot.fronts.slack import SlackChat
from bot.fronts.slack.blocks.forms import form_view
from bot.jobs import Place
from tests.bot.fronts.slack.fake_dispatcher import FakeDispatcher

OPS = Place("slack", "C_OPS")
FORM = Form(
    "Silence",
    "It would mute <web-1>.",
    "alerts silence host=web-1",
    (("1 hour", "1h"), ("1 day", "1d")),
    "it is being looked at",
)


async def clicked(slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher) -> Seen:
    """Somebody presses a button whose reply has a form."""
    dispatcher.reply = lambda text: (
        Reply(f"{FORM.text} Type it.", form=FORM)
        if text.endswith("k/1")
        else Reply(f"Done: {text}")
    )
    content = AlertContent("web-1", "firing", buttons=((SILENCE, "Silence…", "k/1"),))
    ref = await chat.front.post(OPS, Post("alert/k/1", content), thread="")
    message: Message = slack.channel("C_OPS").message(ref)
    return await slack.person("U_ANN", name="ann").clicks(message, "baton_ask.silence")


async def test_what_is_said_in_a_form_is_asked(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """The modal shows what will come of it, and opens with an answer that will do; what is sent is
    asked where the button was, and its reply told there."""
    reply = await clicked(slack, chat, dispatcher)
    (shown,) = await slack.until(lambda: slack.views)
    assert shown["blocks"][0]["text"]["text"] == "It would mute &lt;web-1&gt;."
    ann = slack.person("U_ANN")
    sent = await ann.submits(shown, channel="C_OPS", choice="1d", reason="it's  its\ndisk <!here>")
    await slack.until(lambda: sent.ephemeral)
    assert slack.views == []
    asked = dispatcher.asks[-1]
    assert asked.text == "alerts silence host=web-1 for 1d because it's  its\ndisk &lt;!here&gt;"
    assert split(asked.text)[-2:] == ["because", "it's  its\ndisk <!here>"]
    assert (asked.asker.name, asked.place.channel) == ("ann", "C_OPS")
    assert asked.key == f"slack:{shown['id']}"
    assert sent.ephemeral == f"Done: {asked.text}".replace("&", "&amp;")
    assert reply.ephemeral == sent.ephemeral, "the form stands in place of the text"


async def test_what_is_refused_leaves_the_form_open(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher
) -> None:
    """With the reason in it, so that nothing typed is lost."""
    await clicked(slack, chat, dispatcher)
    (shown,) = await slack.until(lambda: slack.views)
    dispatcher.reply = lambda text: Reply("Only U_BEN may do that.", kind=ReplyKind.REFUSED)
    sent = await slack.person("U_ANN").submits(shown, channel="C_OPS")
    assert sent.problems == {"reason": "Only U_BEN may do that."}
    assert slack.views == [shown]


@pytest.mark.parametrize("error", ["expired_trigger_id", "internal_error"])
async def test_without_a_form_the_words_are_told(
    slack: SlackServer, chat: SlackChat, dispatcher: FakeDispatcher, error: str
) -> None:
    """Slack opens none after 3 s, or does not say that it did: then people read what to type."""
    slack.faults.add("views.open", Fails(error), times=2)
    reply = await clicked(slack, chat, dispatcher)
    await slack.until(lambda: reply.ephemeral)
    assert reply.ephemeral == "It would mute &lt;web-1&gt;. Type it."


def test_what_has_no_room_is_no_form() -> None:
    """Slack keeps 3,000 characters for us."""
    long = Form("Silence", "x" * 9000, "alerts silence", FORM.choices, "y")
    assert form_view(long, "x" * 3000) is not None
    assert form_view(long, "x" * 3001) is None
