"""A form as a modal. Pure.

docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

import json
from typing import Any

from bot.dispatch.reply import Form
from bot.fronts.slack.blocks.posts import PREFIX
from bot.fronts.slack.blocks.text import MAX_SECTION, cut, escaped
from bot.jobs import Place

CALLBACK = f"{PREFIX}form"
CHOICE, REASON = "choice", "reason"
"""The blocks of the two answers, and the elements in them."""
MAX_METADATA = 3000
MAX_REASON = 500
MAX_ERROR = 1000


def form_view(form: Form, place: Place) -> dict[str, Any] | None:
    """Return the modal that asks for the missing values of `form`; None if they do not fit into
    one."""
    where = [place.channel, place.thread, place.name]
    metadata = json.dumps({"ask": form.ask, "place": where}, ensure_ascii=False)
    if len(metadata) > MAX_METADATA:
        return None
    options = [{"text": _plain(label), "value": value} for label, value in form.choices]
    menu = {"type": "static_select", "options": options, "initial_option": options[0]}
    field = {
        "type": "plain_text_input",
        "initial_value": form.reason,
        "max_length": MAX_REASON,
        "min_length": 1,
    }
    text = {"type": "mrkdwn", "text": escaped(form.text, MAX_SECTION)}
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain(cut(form.title, 24)),
        "submit": _plain(cut(form.title, 24)),
        "close": _plain("Cancel"),
        "private_metadata": metadata,
        "blocks": [
            {"type": "section", "block_id": "text", "text": text},
            _input(CHOICE, "Duration", menu),
            _input(REASON, "Reason", field),
        ],
    }


def error_response(text: str) -> dict[str, Any]:
    """Return the response that keeps the form open and shows `text`."""
    return {"response_action": "errors", "errors": {REASON: cut(text, MAX_ERROR)}}


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    answer = {**element, "action_id": name}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": answer}


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}
