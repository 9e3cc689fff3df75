"""views.*: modals, what Slack checks of them, and what people fill in."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from baton_slack_testing.args import Args
from baton_slack_testing.blocks import check_blocks
from baton_slack_testing.elements import Problems, length, text_object
from baton_slack_testing.errors import Json, Refusal, invalid
from baton_slack_testing.methods import method
from baton_slack_testing.tokens import Token
from baton_slack_testing.workspace import TEAM

if TYPE_CHECKING:
    from baton_slack_testing.server import SlackServer

MOST_BLOCKS = 100
ACTIONS = ("errors", "update", "push", "clear")


@method("views.open", "trigger_id", "view", per_minute=100)
def open_view(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `views.open`. Raises Refusal."""
    view = checked(slack, args)
    slack.triggers.spend(str(args["trigger_id"]))
    slack.opened += 1
    shown = {**view, "id": f"V{slack.opened:08d}", "team_id": TEAM}
    shown |= {"hash": slack.workspace.stamp(), "state": {"values": {}}}
    slack.workspace.views.append(shown)
    slack.changes.notify()
    return {"ok": True, "view": shown}


@method("views.update", "view", per_minute=100)
def update_view(slack: SlackServer, token: Token, args: Args) -> Json:
    """Answer `views.update`. Raises Refusal."""
    view = checked(slack, args)
    found = [
        each
        for each in slack.workspace.views
        if (args.get("view_id") and each["id"] == args["view_id"])
        or (args.get("external_id") and each.get("external_id") == args["external_id"])
    ]
    if not found:
        raise Refusal("not_found")
    shown = found[0]
    if args.get("hash") and args["hash"] != shown["hash"]:
        raise Refusal("hash_conflict")
    replaced(slack, shown, view)
    return {"ok": True, "view": shown}


def replaced(slack: SlackServer, shown: Json, view: Json) -> None:
    """A modal shows something else."""
    kept = {name: shown[name] for name in ("id", "team_id")}
    shown.clear()
    shown.update({**view, **kept, "hash": slack.workspace.stamp(), "state": {"values": {}}})
    slack.changes.notify()


def checked(slack: SlackServer, args: Args) -> Json:
    """The view of a call, if Slack would show it. Raises Refusal."""
    view = args.structure("view", "invalid_arguments")
    if not isinstance(view, dict):
        raise Refusal("invalid_arguments")
    check_view(view, plan_blocks=slack.plan_blocks)
    return view


def check_view(view: Json, *, plan_blocks: bool = True) -> None:
    """Return if Slack would show the view.

    Raises:
        Refusal: `invalid_arguments`, `invalid_blocks`, `invalid_blocks_format`.
    """
    problems = list(view_problems(view))
    if problems:
        raise invalid("invalid_arguments", problems)
    check_blocks(view.get("blocks"), plan_blocks=plan_blocks, most=MOST_BLOCKS)


def view_problems(view: Json) -> Problems:
    """What Slack checks of a modal beside its blocks."""
    if view.get("type") not in ("modal", "home"):
        yield "must be one of: modal, home [json-pointer:/view/type]"
    for name in ("title", "submit", "close"):
        if view.get(name) is not None:
            yield from text_object(view[name], f"/view/{name}", 24, kinds=("plain_text",))
    if view.get("type") == "modal" and view.get("title") is None:
        yield "missing required field: title [json-pointer:/view]"
    if view.get("submit") is None and inputs(view):
        yield "missing required field: submit [json-pointer:/view]"
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(name) is not None:
            yield from length(view[name], f"/view/{name}", most, least=0)


def inputs(view: Json) -> list[Json]:
    """The input blocks of a view."""
    blocks = view.get("blocks")
    listed = blocks if isinstance(blocks, list) else []
    return [each for each in listed if isinstance(each, dict) and each.get("type") == "input"]


def filled(view: Json, said: dict[str, str]) -> Json:
    """The state of a view in whose inputs people entered what they `said`, by block id; the rest
    as it stood. Raises LookupError if it could not be entered or sent so."""
    values: Json = {}
    for block in inputs(view):
        element, id = block["element"], str(block["block_id"])
        values[id] = {element["action_id"]: entered(block, said.pop(id, None))}
    if said:
        raise LookupError(f"no such inputs: {sorted(said)}")
    return values


def entered(block: Json, said: str | None) -> Json:
    """What stands in an input of a modal: what was `said`, or what stood there. A box is ticked by
    its value, and not by an empty text."""
    element, kind = block["element"], block["element"]["type"]
    required = not block.get("optional", False)
    options = element.get("options", [])
    if kind == "checkboxes":
        ticked = element.get("initial_options", [])
        if said is not None:
            ticked = [each for each in options if each["value"] == said]
        if (required and not ticked) or (said and not ticked):
            raise LookupError(f"Slack does not take these boxes: {said!r}")
        return {"type": kind, "selected_options": ticked}
    if kind == "static_select":
        chosen = element.get("initial_option")
        if said is not None:
            chosen = next((each for each in options if each["value"] == said), None)
        if chosen is None and (required or said is not None):
            raise LookupError(f"no such option: {said}")
        return {"type": kind, "selected_option": chosen}
    text = element.get("initial_value") if said is None else said
    if not text and not required:
        return {"type": kind, "value": None}
    if not text or not element.get("min_length", 0) <= len(text) <= element.get("max_length", 3000):
        raise LookupError(f"Slack does not take this text: {text!r}")
    return {"type": kind, "value": text}


def shown_problems(view: Json, answer: Json) -> dict[str, str] | None:
    """What a modal says under its inputs, by their block ids, after an answer to its submission;
    None if Slack cannot show the answer."""
    if not answer:
        return {}
    if answer.get("response_action") not in ACTIONS:
        return None
    if answer["response_action"] != "errors":
        return {}
    errors = answer.get("errors")
    known = {str(each.get("block_id")) for each in inputs(view)}
    if not isinstance(errors, dict) or not errors or errors.keys() - known:
        return None
    if not all(isinstance(text, str) and text for text in errors.values()):
        return None
    return dict(errors)


class Triggers:
    """Trigger ids, each good once and for 3 s; the id carries its own birth, so none is kept."""

    def __init__(self, seconds: float = 3.0) -> None:
        self.seconds = seconds
        self._count = 0
        self._spent: set[str] = set()

    def new(self) -> str:
        """An id for something that a person just did."""
        self._count += 1
        return f"{round(time.monotonic() * 1000)}.{TEAM}.{self._count:032x}"

    def spend(self, trigger_id: str) -> None:
        """Raises Refusal for an unknown, an old and a used one."""
        found = re.fullmatch(rf"(\d+)\.{TEAM}\.([0-9a-f]{{32}})", trigger_id)
        if found is None or not 0 < int(found[2], 16) <= self._count:
            raise Refusal("invalid_trigger_id")
        if time.monotonic() - int(found[1]) / 1000 > self.seconds:
            raise Refusal("expired_trigger_id")
        if trigger_id in self._spent:
            raise Refusal("exchanged_trigger_id")
        self._spent.add(trigger_id)
