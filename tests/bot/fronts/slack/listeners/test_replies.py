"""Private words reach the one they are for, and nobody is left to guess whether they read twice."""

from __future__ import annotations

import pytest

from baton.bus.messages import Person
from baton_slack_testing import (
    Fails,
    LostRequest,
    LostResponse,
    RateLimited,
    SlackServer,
)
from bot.dispatch.reply import Form
from bot.fronts.slack.chat import nowhere
from bot.fronts.slack.listeners.form_state import FormSeal
from bot.fronts.slack.listeners.replies import SENT_AGAIN, PrivateReplies
from bot.fronts.slack.web_api.calls import SlackApi
from bot.jobs import Place

OPS = Place("slack", "C_OPS")
ANN = Person(id="U_ANN")
FORM = Form("Silence", "It would mute web-1.", "alerts silence x", (("1 hour", "1h"),), "because")


@pytest.fixture
def telling(calls: SlackApi) -> PrivateReplies:
    return PrivateReplies(calls, nowhere, FormSeal("xoxb-1"))


async def test_words_that_may_be_there_are_sent_once_more_as_such(
    slack: SlackServer, telling: PrivateReplies
) -> None:
    """Slack did not answer, and nobody can look: the second says that it is the same."""
    ann = slack.person("U_ANN")
    slack.faults.add("chat.postEphemeral", LostResponse(), times=2)
    assert await telling.send(ANN, OPS, "Silenced for 1 h.")
    assert ann.ephemerals == ["Silenced for 1 h.", *[f"{SENT_AGAIN}\nSilenced for 1 h."] * 2]
    slack.faults.add("chat.postEphemeral", LostRequest())
    assert await telling.send(ANN, OPS, "Done.")
    assert ann.ephemerals[3:] == [f"{SENT_AGAIN}\nDone."]


async def test_words_that_are_refused_are_not_there(
    slack: SlackServer, telling: PrivateReplies
) -> None:
    """A limit is waited out, and nothing was shown before."""
    ann = slack.person("U_ANN")
    slack.faults.add("chat.postEphemeral", RateLimited(0), times=2)
    assert await telling.send(ANN, OPS, "Done.")
    assert ann.ephemerals == ["Done."]
    assert slack.calls.counts["chat.postEphemeral"] == 3


@pytest.mark.parametrize("fault", [LostResponse(), LostRequest()])
async def test_a_form_whose_answer_was_lost_is_there_once(
    slack: SlackServer, telling: PrivateReplies, fault: LostResponse | LostRequest
) -> None:
    """The same trigger again tells whether it was opened: people read no words beside it."""
    slack.faults.add("views.open", fault)
    assert await telling.open_form(slack.triggers.new(), FORM, "U_ANN", OPS)
    assert len(slack.views) == 1


async def test_a_form_that_cannot_be_opened_is_not_there(
    slack: SlackServer, telling: PrivateReplies
) -> None:
    """Then the words are told."""
    slack.faults.add("views.open", Fails("expired_trigger_id"))
    assert not await telling.open_form(slack.triggers.new(), FORM, "U_ANN", OPS)
    assert slack.views == []
