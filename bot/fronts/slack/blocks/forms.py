"""A form as a modal, and what was said in it. Pure.

docs.slack.dev/reference/views/modal-views, .../interaction-payloads/view-interactions-payload
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from baton.text.words import BECAUSE
from bot.dispatch.reply import Form
from bot.fronts.slack.blocks.posts import PREFIX
from bot.fronts.slack.blocks.text import SECTION, cut, escape, escaped
from bot.fronts.slack.listeners.payloads import FRONT, Heard, mapping_in, submission, text_in
from bot.jobs import Place

CALLBACK = f"{PREFIX}form"
CHOICE, REASON = "choice", "reason"
"""The blocks of the two answers, and the elements in them."""
MOST_METADATA = 3000
MOST_REASON = 500
MOST_ERROR = 1000


def view(form: Form, place: Place) -> dict[str, Any] | None:
    """The modal that asks for what `form` leaves open; None if Slack has no room for it."""
    where = [place.channel, place.thread, place.name]
    metadata = json.dumps({"ask": form.ask, "place": where}, ensure_ascii=False)
    if len(metadata) > MOST_METADATA:
        return None
    options = [{"text": _plain(label), "value": value} for label, value in form.choices]
    menu = {"type": "static_select", "options": options, "initial_option": options[0]}
    field = {
        "type": "plain_text_input",
        "initial_value": form.reason,
        "max_length": MOST_REASON,
        "min_length": 1,
    }
    text = {"type": "mrkdwn", "text": escaped(form.text, SECTION)}
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": _plain(cut(form.title, 24)),
        "submit": _plain(cut(form.title, 24)),
        "close": _plain("Cancel"),
        "private_metadata": metadata,
        "blocks": [
            {"type": "section", "block_id": "text", "text": text},
            _input(CHOICE, "For", menu),
            _input(REASON, "Because", field),
        ],
    }


def from_submission(payload: Mapping[str, Any]) -> Heard | None:
    """What somebody asks with a form that they sent; None if it is none of ours."""
    view = mapping_in(payload, "view")
    try:
        known = json.loads(text_in(view, "private_metadata")[:MOST_METADATA])
        channel, thread, name = (str(each) for each in known["place"])
        ask = str(known["ask"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    said = mapping_in(mapping_in(view, "state"), "values")
    choice = mapping_in(mapping_in(mapping_in(said, CHOICE), CHOICE), "selected_option")
    # in a form nothing is escaped, and what is asked is read as words of a message
    reason = escape(text_in(mapping_in(mapping_in(said, REASON), REASON), "value")).strip()
    words = f"{ask} for {text_in(choice, 'value')} {BECAUSE} {reason}"
    return submission(payload, words, Place(FRONT, channel, thread, name))


def refused(text: str) -> dict[str, Any]:
    """The answer that leaves the form open, and says why."""
    return {"response_action": "errors", "errors": {REASON: cut(text, MOST_ERROR)}}


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    answer = {**element, "action_id": name}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": answer}


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}
