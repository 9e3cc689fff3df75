"""Modals: what Slack takes, what people can enter in them, and what a bot may answer."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from baton_slack_testing import SlackServer
from baton_slack_testing.errors import Refusal
from baton_slack_testing.views import check_view, entered, shown_problems
from tests.baton_slack_testing.clients import error_of

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str, text: str = "") -> Json:
    return {"text": plain(text or value), "value": value}


def line(**element: Any) -> Json:
    return {"type": "plain_text_input", **element}


def block(element: Json, id: str = "b", **more: Any) -> Json:
    shown = {**element, "action_id": id}
    return {"type": "input", "block_id": id, "label": plain("Label"), "element": shown, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    view = {"type": "modal", "title": plain("Deploy"), "submit": plain("Run")}
    return {**view, "blocks": list(blocks), **more}


MENU = {"type": "static_select", "options": [option("a"), option("b")]}
BOXES = {"type": "checkboxes", "options": [option("yes")]}


def test_a_modal_within_the_limits_is_taken() -> None:
    """At each of them."""
    check_view(modal(*(block(line(), f"b{number}") for number in range(100))))
    check_view(
        modal(
            block(line(initial_value="x" * 3000, placeholder=plain("x" * 150)), "x" * 255),
            block({**MENU, "options": [option("v" * 150, "t" * 75)] * 100}, "m"),
            block(BOXES, "c", optional=True, hint=plain("x" * 2000)),
            private_metadata="x" * 3000,
            callback_id="x" * 255,
        )
    )


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        (modal(*(block(line(), f"b{n}") for n in range(101))), "no more than 100 items"),
        (modal(title=plain("x" * 25)), "less than 25 characters"),
        (modal(private_metadata="x" * 3001), "less than 3001 characters"),
        (modal(callback_id="x" * 256), "less than 256 characters"),
        (modal(block(line()), submit=None), "missing required field: submit"),
        (modal(block(line()), block(line())), "already exists"),
        (modal(block(line(), hint=plain("x" * 2001))), "less than 2001 characters"),
        (modal(block(line(), label=plain("x" * 2001))), "less than 2001 characters"),
        (modal(block(line(initial_value="x" * 3001))), "less than 3001 characters"),
        (modal(block(line(max_length=3001))), "between 1 and 3000"),
        (modal(block(line(placeholder=plain("x" * 151)))), "less than 151 characters"),
        (modal(block(line(value="x"))), "invalid additional property: value"),
        (modal(block({**MENU, "options": []})), "no less than 1 items"),
        (modal(block({**MENU, "options": [option("a")] * 101})), "no more than 100 items"),
        (modal(block({**MENU, "options": [option("a", "x" * 76)]})), "less than 76 characters"),
        (modal(block({**MENU, "options": [option("x" * 151, "a")]})), "less than 151 characters"),
        (modal(block({**MENU, "initial_option": option("c")})), "one of the options"),
        (modal(block({**BOXES, "options": [option("a")] * 11})), "no more than 10 items"),
        (modal(block({**BOXES, "initial_options": []})), "no less than 1 items"),
    ],
)
def test_a_modal_beyond_a_limit_is_refused(view: Json, problem: str) -> None:
    """With a word about where."""
    with pytest.raises(Refusal) as refused:
        check_view(view)
    assert problem in str(refused.value.fields["errors"])


def test_what_must_be_filled_in_cannot_be_left_out() -> None:
    """Slack does not send such a form."""
    for element in (line(), MENU, BOXES):
        with pytest.raises(LookupError):
            entered(block(element), None)
        entered(block(element, optional=True), None)
    with pytest.raises(LookupError):
        entered(block(line()), "x" * 3001)
    with pytest.raises(LookupError):
        entered(block(MENU), "c")
    assert entered(block(BOXES), "yes")["selected_options"] == [option("yes")]


def test_errors_stand_at_inputs_that_are_there() -> None:
    """Anything else is an answer that Slack cannot show."""
    view = modal(block(line()))
    for answer in (
        {"response_action": "errors", "errors": {"other": "x"}},
        {"response_action": "errors", "errors": {"b": ""}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "close"},
    ):
        assert shown_problems(view, answer) is None
    assert shown_problems(view, {"response_action": "errors", "errors": {"b": "x"}}) == {"b": "x"}
    assert shown_problems(view, {}) == shown_problems(view, {"response_action": "clear"}) == {}


async def test_a_modal_that_is_open_can_be_updated(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """By its id, and by its hash only if nobody else has changed it meanwhile."""
    view = modal(block(line()))
    shown = await client.views_open(trigger_id=slack.triggers.new(), view=view)
    id, hash = shown["view"]["id"], shown["view"]["hash"]
    changed = {**view, "title": plain("Other")}
    await client.views_update(view_id=id, hash=hash, view=changed)
    assert slack.views[0]["title"] == plain("Other")
    refused = await error_of(client.views_update(view_id=id, hash=hash, view=changed))
    assert refused["error"] == "hash_conflict"
    refused = await error_of(client.views_update(view_id="V0", view=changed))
    assert refused["error"] == "not_found"
