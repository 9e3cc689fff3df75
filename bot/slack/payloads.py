"""What Slack sends -> who asked what, and where. Pure.

docs.slack.dev/interactivity/implementing-slash-commands, .../reference/events/app_mention,
.../reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baton.messages import Person, new_id
from bot.jobs import Place
from bot.slack.blocks import PREFIX

FRONT = "slack"
OWN_COMMAND = "/baton"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody's words. `key` names the ask: the same for every delivery of it."""

    words: str
    person: Person
    place: Place
    key: str


@dataclass(frozen=True, slots=True)
class Clicked:
    """A button that somebody pressed. `key` names this press; `trigger` opens a form, within
    3 s."""

    action: str
    value: str
    person: Person
    place: Place
    key: str = ""
    trigger: str = ""


def from_command(payload: Mapping[str, Any]) -> Asked:
    """A slash command: `/deploy shop prod` and `/baton deploy shop prod` are the same words."""
    name, text = str(payload["command"]), str(payload.get("text") or "")
    words = text if name == OWN_COMMAND else f"{name.removeprefix('/')} {text}"
    person = Person(id=str(payload["user_id"]), name=str(payload.get("user_name") or ""))
    place = Place(
        FRONT,
        str(payload["channel_id"]),
        str(payload.get("thread_ts") or ""),
        str(payload.get("channel_name") or ""),
    )
    return Asked(words.strip(), person, place, f"{FRONT}:{payload['trigger_id']}")


def from_mention(payload: Mapping[str, Any], bot_user: str) -> Asked | None:
    """A mention: the words after our name; None if another app said it."""
    event = payload["event"]
    if event.get("bot_id") or not event.get("user"):
        return None
    _, _, words = str(event.get("text") or "").partition(f"<@{bot_user}>")
    person = Person(id=str(event["user"]))
    place = Place(FRONT, str(event["channel"]), str(event.get("thread_ts") or ""))
    return Asked(words.strip(), person, place, f"{FRONT}:{payload['event_id']}")


def from_click(payload: Mapping[str, Any]) -> Clicked:
    """A button under one of our posts."""
    user, channel = payload["user"], payload.get("channel") or {}
    container, message = payload.get("container") or {}, payload.get("message") or {}
    thread = container.get("thread_ts") or message.get("thread_ts") or container.get("message_ts")
    action = payload["actions"][0]
    return Clicked(
        str(action["action_id"]).removeprefix(PREFIX),
        str(action.get("value") or ""),
        Person(id=str(user["id"]), name=str(user.get("username") or user.get("name") or "")),
        Place(
            FRONT,
            str(channel.get("id") or container.get("channel_id") or ""),
            str(thread or ""),
            str(channel.get("name") or ""),
        ),
        f"{FRONT}:{payload.get('trigger_id') or new_id()}",
        str(payload.get("trigger_id") or ""),
    )
