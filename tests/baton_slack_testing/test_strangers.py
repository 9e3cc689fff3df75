"""What hurt bots before: messages that are edited, people of other organizations, guests, and a
clock of Slack's own."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import Manifest, RateLimited, SlackServer, Slow

from .clients import bot_of, quick

HOME = frozenset({"app_mention", "message.im"})


async def test_an_edit_is_an_event_of_its_own_about_the_same_message(slack: SlackServer) -> None:
    """The same `ts`, another `event_id`, and `edited`; the text is the new one."""
    async with bot_of(slack):
        ann = slack.person("U_ANN")
        said = await ann.says("@baton depoly", channel="C_OPS")
        await ann.edits(said, "@baton deploy")
        first, second = (each.payload for each in slack.socket.deliveries)
        assert first["event_id"] != second["event_id"]
        assert first["event"]["ts"] == second["event"]["ts"] == said.ts
        assert "edited" not in first["event"]
        assert second["event"]["edited"]["user"] == "U_ANN"
        assert second["event"]["text"] == "<@U_BATON> deploy"


async def test_direct_messages_are_heard_without_a_name() -> None:
    """New and edited, if the app subscribes to them and lets people write there."""
    async with SlackServer(manifest=Manifest(events=HOME), socket=quick()) as slack:
        async with bot_of(slack):
            ann = slack.person("U_ANN")
            said = await ann.writes("ping prod")
            await ann.edits(said, "ping staging")
            first, second = (each.payload["event"] for each in slack.socket.deliveries)
        assert (first["channel_type"], first["text"]) == ("im", "ping prod")
        assert second["subtype"] == "message_changed"
        assert second["message"]["text"] == "ping staging"
        assert second["previous_message"]["text"] == "ping prod"
        assert second["message"]["ts"] == said.ts != second["ts"]
    async with SlackServer(manifest=Manifest(direct_messages=False), socket=quick()) as closed:
        with pytest.raises(LookupError, match="messages tab"):
            await closed.person("U_ANN").writes("ping prod")


async def test_people_of_other_teams_say_so_in_all_they_do(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """In events, commands and the list of people; guests only in the list."""
    async with bot_of(slack):
        eve = slack.person("U_EVE", team="T_OTHER", enterprise="E_OTHER")
        await eve.says("@baton hello", channel="C_OPS")
        await eve.slash("/deploy shop", channel="C_OPS")
        heard, typed = (each.payload for each in slack.socket.deliveries)
    event = heard["event"]
    assert (event["user_team"], event["source_team"], event["team"]) == ("T_OTHER",) * 3
    assert (typed["team_id"], typed["enterprise_id"]) == ("T_OTHER", "E_OTHER")
    slack.person("U_GUS", guest="single")
    slack.person("U_MIA", guest="multi")
    users = {id: (await client.users_info(user=id))["user"] for id in ("U_EVE", "U_GUS", "U_MIA")}
    assert users["U_EVE"]["team_id"] == "T_OTHER"
    assert users["U_EVE"]["enterprise_user"]["enterprise_id"] == "E_OTHER"
    assert users["U_EVE"]["is_stranger"] is False
    flags = ("is_restricted", "is_ultra_restricted")
    assert [users["U_GUS"][flag] for flag in flags] == [True, True]
    assert [users["U_MIA"][flag] for flag in flags] == [True, False]


async def test_a_quote_is_marked_and_a_label_is_kept(slack: SlackServer) -> None:
    """As Slack writes them."""
    async with bot_of(slack):
        ann = slack.person("U_ANN")
        await ann.says("> @baton deploy", channel="C_OPS")
        await ann.says("<@U_BATON|baton> deploy", channel="C_OPS")
        texts = [each.payload["event"]["text"] for each in slack.socket.deliveries]
    assert texts == ["&gt; <@U_BATON> deploy", "<@U_BATON|baton> deploy"]


async def test_slack_has_a_clock_of_its_own(slack: SlackServer, client: AsyncWebClient) -> None:
    """It stamps messages and answers, those of faults too."""
    slack.workspace.behind = 600.0
    answer = await client.chat_postMessage(channel="C_OPS", text="x")
    assert time.time() - float(answer["ts"]) == pytest.approx(600, abs=5)
    slack.faults.add("chat.postMessage", RateLimited(0))
    with pytest.raises(SlackApiError) as raised:
        await client.chat_postMessage(channel="C_OPS", text="x")
    assert raised.value.response.headers["Retry-After"] == "0"
    for headers in (answer.headers, raised.value.response.headers):
        date = parsedate_to_datetime(headers["Date"]).timestamp()
        assert time.time() - date == pytest.approx(600, abs=5)


async def test_a_list_of_groups_may_be_slow(slack: SlackServer, client: AsyncWebClient) -> None:
    """It comes, later than people wait."""
    slack.add_group("S1", "deployers", ["U_ANN"])
    slack.faults.add("usergroups.list", Slow(0.4))
    begun = time.monotonic()
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "deployers"
    assert time.monotonic() - begun >= 0.4
