"""Block Kit's rules."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import (
    Manifest,
    SlackServer,
)

from .clients import Block, actions, button, client_of, error_of, rich, section, task

FIELD = {"type": "mrkdwn", "text": "x" * 2_000}
GOOD: dict[str, list[Block]] = {
    "fifty blocks": [{"type": "divider"}] * 50,
    "a full section": [section("x" * 3_000)],
    "a full header": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 150}}],
    "buttons": [actions(*[button(action_id=f"a{i}", value="v" * 2_000) for i in range(25)])],
    "a plan": [{"type": "plan", "title": "deploy", "tasks": [task(output=rich("ok"))]}],
    "tasks alone": [task(details=rich("fetching"), status="in_progress")],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "J1"}]}],
    "rich text": [rich("hello")],
    "a table": [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}],
    "markdown": [{"type": "markdown", "text": "x" * 12_000}],
}
BAD: dict[str, tuple[list[Block], str]] = {
    "too many": (
        [{"type": "divider"}] * 51,
        "no more than 50 items allowed [json-pointer:/blocks]",
    ),
    "unknown type": ([{"type": "marquee"}], "unsupported type: marquee"),
    "unknown key": ([section(colour="red")], "invalid additional property: colour"),
    "long section": ([section("x" * 3_001)], "3001 characters [json-pointer:/blocks/0/text/text]"),
    "empty section": ([section("")], "must be more than 0 characters"),
    "no text": ([{"type": "section"}], "missing required field: text"),
    "long header": (
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        "must be less than 151 characters",
    ),
    "header in mrkdwn": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "must be one of: plain_text",
    ),
    "11 fields": ([{"type": "section", "fields": [FIELD] * 11}], "no more than 10 items"),
    "long field": (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]}],
        "must be less than 2001 characters",
    ),
    "26 buttons": ([actions(*[button()] * 26)], "[json-pointer:/blocks/0/elements]"),
    "long label": ([actions(button("x" * 76))], "must be less than 76 characters"),
    "long value": ([actions(button(value="x" * 2_001))], "must be less than 2001 characters"),
    "two actions of one id": (
        [actions(button(action_id="a"), button(action_id="a"))],
        '`action_id` "a" already exists',
    ),
    "long block_id": ([section(block_id="x" * 256)], "must be less than 256 characters"),
    "block_id twice": ([section(block_id="b"), section(block_id="b")], "already exists"),
    "plan and task": (
        [{"type": "plan", "title": "t", "tasks": [task()]}, task()],
        "plan and task_card cannot be used in one message",
    ),
    "unknown status": ([task(status="done")], "must be one of: pending, in_progress"),
    "output as text": ([task(output="ok")], "must be a rich_text"),
    "plan of sections": ([{"type": "plan", "title": "t", "tasks": [section()]}], "a task_card"),
    "task without id": ([{"type": "task_card", "title": "t"}], "required field: task_id"),
    "empty rich text": ([rich("")], "must be more than 0 characters"),
    "markdown over all": (
        [{"type": "markdown", "text": "x" * 6_001}, {"type": "markdown", "text": "x" * 6_000}],
        "must be less than 12001 characters",
    ),
    "two tables": (GOOD["a table"] * 2, "only one table"),
}


@pytest.mark.parametrize("name", GOOD)
async def test_blocks_within_the_limits_are_shown(
    name: str, slack: SlackServer, client: AsyncWebClient
) -> None:
    """What is just within Slack's published limits passes."""
    await client.chat_postMessage(channel="C_OPS", text="fallback", blocks=GOOD[name])
    assert slack.channel("C_OPS").messages[0].blocks == GOOD[name]


@pytest.mark.parametrize("name", BAD)
async def test_blocks_past_a_limit_are_refused(name: str, client: AsyncWebClient) -> None:
    """`invalid_blocks`, with the place and the reason, as Slack words them."""
    blocks, reason = BAD[name]
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", blocks=blocks))
    assert refused["error"] == "invalid_blocks"
    assert reason in "\n".join(refused["errors"])
    assert refused["response_metadata"]["messages"][0] == f"[ERROR] {refused['errors'][0]}"


async def test_all_blocks_together_have_a_limit(client: AsyncWebClient) -> None:
    """About 13,200 characters a message, though each block is within its own limit."""
    blocks = [section("x" * 2_900)] * 5
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", blocks=blocks))
    assert refused["error"] == "msg_blocks_too_long"
    wrong: Any = {"type": "divider"}
    refused = await error_of(client.chat_postMessage(channel="C_OPS", text="x", blocks=wrong))
    assert refused["error"] == "invalid_blocks_format"


async def test_a_workspace_may_not_know_plan_blocks() -> None:
    """`plan_blocks=False` answers them with `invalid_blocks`, and others as before."""
    async with SlackServer(manifest=Manifest(), plan_blocks=False) as slack:
        client = client_of(slack)
        refused = await error_of(
            client.chat_postMessage(channel="C_OPS", text="x", blocks=GOOD["a plan"])
        )
        assert refused["error"] == "invalid_blocks"
        await client.chat_postMessage(channel="C_OPS", text="x", blocks=[section()])


async def test_plain_is_what_a_person_reads(slack: SlackServer, client: AsyncWebClient) -> None:
    """Blocks hide the text; titles, states, outputs and buttons are all in it."""
    plan = {"type": "plan", "title": "deploy shop", "tasks": [task(output=rich("all good"))]}
    blocks = [plan, actions(button())]
    await client.chat_postMessage(channel="C_OPS", text="unseen", blocks=blocks)
    plain = slack.channel("C_OPS").messages[0].plain
    assert plain.split("\n") == ["deploy shop", "web1", "all good", "[complete]", "Cancel"]
