"""Forms as modals, and the button that opens one. Pure.

docs.slack.dev/reference/views/modal-views, .../reference/block-kit/blocks/input-block
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.content import FORM
from bot.dispatch.command_form import PREFIX as FIELD
from bot.dispatch.command_form import CommandForm, FormField
from bot.dispatch.reply import Form
from bot.dispatch.rollout_form import FIELDS as ROLLOUT
from bot.dispatch.rollout_form import LINE
from bot.fronts.slack.blocks.posts import PREFIX, Block
from bot.fronts.slack.blocks.text import MAX_SECTION, clean, cut, escaped
from bot.schedules.scanner import WHEN

CALLBACK = f"{PREFIX}form"
"""What the modal of a Form is called."""
COMMAND_CALLBACK = f"{PREFIX}command"
"""What the modal of a command is called."""
CHOICE, REASON = "choice", "reason"
"""The blocks of the two answers to a Form, and the elements in them."""
TICKED, UNTICKED = "yes", "no"
"""What a box says."""
MAX_METADATA = 3000
MAX_REASON = 500
MAX_ERROR = 1000
MAX_BLOCKS = 100
MAX_OPTIONS, MAX_OPTION = 100, 75
"""Options of a list, and characters of each. What is more is typed."""
MAX_INPUT = 3000
"""Characters that people can type into one field."""
MAX_LABEL, MAX_PLACEHOLDER, MAX_ID, MAX_VALUE = 2000, 150, 255, 2000

FILL_IN = "Fill in a form"


def form_view(form: Form, state: str) -> dict[str, Any] | None:
    """Return the modal that asks for the missing values of `form` and keeps `state`; None if they
    do not fit into one."""
    if len(state) > MAX_METADATA:
        return None
    options = [_option(label, value) for label, value in form.choices]
    menu = {"type": "static_select", "options": options, "initial_option": options[0]}
    field = {
        "type": "plain_text_input",
        "initial_value": form.reason,
        "max_length": MAX_REASON,
        "min_length": 1,
    }
    inputs = [_input(CHOICE, "Duration", menu), _input(REASON, "Reason", field)]
    return _modal(CALLBACK, form.title, form.title, state, form.text, inputs)


def command_view(form: CommandForm, state: str) -> dict[str, Any] | None:
    """Return the modal of a command, which keeps `state`; None if it does not fit into one."""
    inputs = [_of_field(f"{FIELD}{one.name}", one) for one in form.fields]
    if form.rollout is not None:
        inputs.append(_of_field(LINE, form.rollout))
    if form.when is not None:
        inputs.append(_of_field(WHEN, form.when))
    fits = all(len(one["block_id"]) <= MAX_ID and _has_room(one["element"]) for one in inputs)
    if not inputs or not fits or len(inputs) >= MAX_BLOCKS or len(state) > MAX_METADATA:
        return None
    return _modal(COMMAND_CALLBACK, f"/{form.command}", "Run", state, form.summary, inputs)


def with_button(text: str, form_of: str) -> list[Block]:
    """Return `text` (mrkdwn) as blocks, and under it the button that opens the form of the words
    `form_of`; no blocks if there are no such words, or no room."""
    if not form_of or not text or len(text) > MAX_SECTION:
        return []
    value = form_of if len(form_of) <= MAX_VALUE else form_of.split(maxsplit=1)[0][:MAX_VALUE]
    button = {
        "type": "button",
        "action_id": f"{PREFIX}{FORM}",
        "text": _plain(FILL_IN),
        "value": value,
    }
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "actions", "elements": [button]},
    ]


def error_at(field: str, inputs: Sequence[str]) -> str:
    """Return the block of a modal with these `inputs` at which people read what is wrong with
    `field`: what is wrong with none of them stands at the last, above the button."""
    named = f"{FIELD}{field}"
    if named in inputs:
        return named
    if field in ROLLOUT and LINE in inputs:
        return LINE
    return WHEN if field == WHEN and WHEN in inputs else inputs[-1]


def error_response(block: str, text: str) -> dict[str, Any]:
    """Return the response that keeps the form open and shows `text` at `block`."""
    return {"response_action": "errors", "errors": {block: cut(clean(text), MAX_ERROR)}}


def _modal(
    callback: str, title: str, submit: str, state: str, text: str, inputs: Sequence[Block]
) -> dict[str, Any]:
    said = {"type": "mrkdwn", "text": escaped(text, MAX_SECTION) or " "}
    return {
        "type": "modal",
        "callback_id": callback,
        "title": _plain(cut(title, 24)),
        "submit": _plain(cut(submit, 24)),
        "close": _plain("Cancel"),
        "private_metadata": state,
        "blocks": [{"type": "section", "block_id": "text", "text": said}, *inputs],
    }


def _of_field(id: str, field: FormField) -> Block:
    if field.kind == "check":
        element = _box(field)
    elif field.kind == "select" and _selectable(field.options):
        element = _menu(field)
    else:
        element = _line(field)
    # a box that must be ticked would be no choice
    optional = not field.required or field.kind == "check"
    return _input(id, field.label, element, field.help, optional=optional)


def _selectable(options: Sequence[str]) -> bool:
    return 0 < len(options) <= MAX_OPTIONS and all(
        len(one) <= MAX_OPTION and clean(one).strip() for one in options
    )


def _box(field: FormField) -> dict[str, Any]:
    options = [_option("Yes", TICKED)]
    ticked = {"initial_options": options} if field.value not in ("", UNTICKED) else {}
    return {"type": "checkboxes", "options": options, **ticked}


def _menu(field: FormField) -> dict[str, Any]:
    options = [_option(one, one) for one in field.options]
    chosen = [one for one in options if one["value"] == field.value]
    first = {"initial_option": chosen[0]} if chosen else {}
    return {"type": "static_select", "options": options, **first}


def _line(field: FormField) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "max_length": MAX_INPUT}
    known = clean(", ".join(field.options[:MAX_OPTIONS])).strip()
    if known:
        element["placeholder"] = _plain(cut(f"such as {known}", MAX_PLACEHOLDER))
    if field.value.strip():
        element["initial_value"] = field.value
    if "\n" in field.value:
        element["multiline"] = True
    return element


def _has_room(element: dict[str, Any]) -> bool:
    return len(element.get("initial_value", "")) <= MAX_INPUT


def _input(
    name: str, label: str, element: dict[str, Any], hint: str = "", *, optional: bool = False
) -> Block:
    block: Block = {
        "type": "input",
        "block_id": name,
        "label": _plain(cut(clean(label).strip() or name, MAX_LABEL)),
        "element": {**element, "action_id": name},
    }
    said = cut(clean(hint).strip(), MAX_LABEL)
    if said:
        block["hint"] = _plain(said)
    if optional:
        block["optional"] = True
    return block


def _option(label: str, value: str) -> dict[str, Any]:
    return {"text": _plain(clean(label)), "value": value}


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}
