"""Parses what Slack sends to values: who did what, and where. Every field may be missing or of
another type. Pure.

docs.slack.dev/interactivity/implementing-slash-commands, .../reference/events/app_mention,
.../reference/events/message.im, .../reference/interaction-payloads/block_actions-payload,
.../reference/interaction-payloads/view-interactions-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from baton.bus.messages import Person
from baton.text.words import BECAUSE
from bot.fronts.slack.blocks.forms import CHOICE, REASON, TICKED, UNTICKED
from bot.fronts.slack.blocks.posts import PREFIX
from bot.fronts.slack.blocks.text import escape
from bot.fronts.slack.listeners.form_state import FormSeal
from bot.jobs import Place

FRONT = "slack"
OWN_COMMAND = "/baton"
MAX_ID_LENGTH = 255
DIRECT = "directmessage"
"""What Slack calls the channel of direct messages in a slash command."""

Kind = Literal["command", "mention", "direct", "press", "form"]


@dataclass(frozen=True, slots=True)
class TypedCommand:
    """The words of a person. `key` identifies the request: it is the same for every delivery of
    it. `trigger` opens a form, within 3 s, if there is one."""

    words: str
    person: Person
    place: Place
    key: str
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """A pressed button. `key` identifies this press; `trigger` opens a form, within 3 s."""

    action: str
    value: str
    person: Person
    place: Place
    key: str = ""
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class FilledForm:
    """What somebody filled in of the form of a command, by the ids of its `inputs`, which are
    there from top to bottom."""

    command: str
    values: Mapping[str, str]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One act of one person, identified by `key` however often it is delivered.

    `text` is as Slack wrote it. `teams` are the workspaces of the person according to the payload;
    `app` means that no person did it. A press has an `action` with its `value`, and the `message`
    above the button. `trigger` opens a form, within 3 s; `form` is what was filled in of one.
    """

    kind: Kind
    user: str
    name: str
    place: Place
    key: str
    text: str = ""
    teams: frozenset[str] = frozenset()
    app: bool = False
    action: str = ""
    value: str = ""
    trigger: str = ""
    message: str = ""
    form: FilledForm | None = None


def parse_slash_command(payload: Mapping[str, Any]) -> Interaction | None:
    """Parse a slash command: `/deploy shop prod` and `/baton deploy shop prod` have the same
    words."""
    name, typed = text_in(payload, "command"), text_in(payload, "text")
    place = Place(
        FRONT,
        id_in(payload, "channel_id"),
        id_in(payload, "thread_ts"),
        id_in(payload, "channel_name"),
    )
    user, trigger = id_in(payload, "user_id"), id_in(payload, "trigger_id")
    if not (name and user and trigger and place.channel):
        return None
    return Interaction(
        "command",
        user,
        id_in(payload, "user_name"),
        place,
        f"{FRONT}:{trigger}",
        typed if name == OWN_COMMAND else f"{name.removeprefix('/')} {typed}",
        _teams(id_in(payload, "team_id")),
        trigger=trigger,
    )


def parse_message(payload: Mapping[str, Any]) -> Interaction | None:
    """Parse a message that mentions the bot, or a direct message, new or edited. The message is the
    act: its edits and repeated deliveries have the same key.

    Return None for anything else: deleted messages, messages of Slack itself, edits that change no
    word.
    """
    event = mapping_in(payload, "event")
    mention = event.get("type") == "app_mention"
    if not mention and not (
        event.get("type") == "message" and id_in(event, "channel_type") == "im"
    ):
        return None
    place = Place(FRONT, id_in(event, "channel"))
    said = event
    if event.get("subtype") == "message_changed":
        said = mapping_in(event, "message")
        if text_in(said, "text") == text_in(mapping_in(event, "previous_message"), "text"):
            return None
    subtype = said.get("subtype")
    user, stamp = id_in(said, "user"), id_in(said, "ts")
    app = bool(said.get("bot_id") or said.get("bot_profile") or subtype == "bot_message")
    if subtype not in (None, "", "file_share", "thread_broadcast", "bot_message"):
        return None
    if not (stamp and place.channel) or not (user or app):
        return None
    teams = _teams(
        *(id_in(said, name) for name in ("user_team", "source_team", "team")),
        id_in(mapping_in(said, "user_profile"), "team"),
    )
    return Interaction(
        "mention" if mention else "direct",
        user,
        "",
        Place(FRONT, place.channel, id_in(said, "thread_ts"), "" if mention else DIRECT),
        f"{FRONT}:{place.channel}/{stamp}",
        text_in(said, "text"),
        teams or _teams(id_in(payload, "team_id")),
        app,
    )


def parse_button_press(payload: Mapping[str, Any]) -> Interaction | None:
    """Parse a press of a button under one of our posts, or under what only one person sees: that
    is no message, so nothing can stand in a thread of it."""
    channel, container = mapping_in(payload, "channel"), mapping_in(payload, "container")
    shown, trigger = mapping_in(payload, "message"), id_in(payload, "trigger_id")
    stamp = id_in(container, "message_ts")
    private = container.get("is_ephemeral") is True
    thread = id_in(container, "thread_ts") or id_in(shown, "thread_ts")
    thread = thread or ("" if private else stamp)
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    where = id_in(channel, "id") or id_in(container, "channel_id")
    user, name, teams = _presser(payload)
    if not isinstance(action, Mapping) or not (user and where and trigger):
        return None
    return Interaction(
        "press",
        user,
        name,
        Place(FRONT, where, thread, id_in(channel, "name")),
        f"{FRONT}:{trigger}",
        teams=teams,
        action=text_in(action, "action_id").removeprefix(PREFIX),
        value=text_in(action, "value"),
        trigger=trigger,
        message=stamp,
    )


def parse_form(payload: Mapping[str, Any], seal: FormSeal) -> Interaction | None:
    """Parse a submitted form: of a Form to the words that it runs, of a command to what was filled
    in. None if the form is not ours, or not of whoever sends it. A repeated delivery of the same
    form has the same key."""
    user, name, teams = _presser(payload)
    view = mapping_in(payload, "view")
    known = seal.opened(text_in(view, "private_metadata"), user)
    id, inputs = id_in(view, "id"), form_inputs(payload)
    if known is None or not (user and id and inputs):
        return None
    channel, thread, where = known["place"]
    said = mapping_in(mapping_in(view, "state"), "values")
    values = {block: _entered(mapping_in(mapping_in(said, block), block)) for block in inputs}
    words, form = "", None
    if "command" in known:
        form = FilledForm(known["command"], values, inputs)
    else:
        # in a form nothing is escaped, and what is asked is read as words of a message
        reason = escape(values.get(REASON, "")).strip()
        words = f"{known['ask']} for {values.get(CHOICE, '')} {BECAUSE} {reason}"
    place = Place(FRONT, channel, thread, where)
    key = f"{FRONT}:{id}"
    return Interaction("form", user, name, place, key, words, teams, form=form)


def form_inputs(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the blocks of a submitted form in which people say something."""
    blocks = mapping_in(payload, "view").get("blocks")
    listed = (
        [each for each in blocks if isinstance(each, Mapping)] if isinstance(blocks, list) else []
    )
    return tuple(id_in(each, "block_id") for each in listed if each.get("type") == "input")


def _entered(answer: Mapping[str, Any]) -> str:
    """Return what stands in an input: a text, an option's value, or whether a box is ticked."""
    if answer.get("type") == "checkboxes":
        return TICKED if answer.get("selected_options") else UNTICKED
    chosen = mapping_in(answer, "selected_option")
    return text_in(chosen, "value") if chosen else text_in(answer, "value")


def _presser(payload: Mapping[str, Any]) -> tuple[str, str, frozenset[str]]:
    user, team = mapping_in(payload, "user"), mapping_in(payload, "team")
    name = id_in(user, "username") or id_in(user, "name")
    return id_in(user, "id"), name, _teams(id_in(user, "team_id") or id_in(team, "id"))


def _teams(*ids: str) -> frozenset[str]:
    return frozenset(ids) - {""}


def mapping_in(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under `key`; empty if there is none."""
    found = payload.get(key)
    return found if isinstance(found, Mapping) else {}


def id_in(payload: Mapping[str, Any], key: str) -> str:
    """Return the short text under `key`; empty if there is none, or if it is too long for an id."""
    found = text_in(payload, key)
    return found if len(found) <= MAX_ID_LENGTH else ""


def text_in(payload: Mapping[str, Any], key: str) -> str:
    """Return the text under `key`, in a form that every database accepts; empty if there is
    none."""
    found = payload.get(key)
    if not isinstance(found, str):
        return ""
    return found.replace("\0", "").encode(errors="replace").decode()
