"""The parts that blocks are made of: texts, buttons, menus, rich text; their rules, as problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from baton_slack_testing.errors import Json

Problems = Iterator[str]

BUTTON_KEYS = ("text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
RICH_PARTS = (
    "rich_text_section",
    "rich_text_list",
    "rich_text_preformatted",
    "rich_text_quote",
)
RICH_INLINE = ("text", "link", "user", "usergroup", "channel", "emoji", "broadcast", "date")


def shape(
    node: Json, pointer: str, required: tuple[str, ...], allowed: tuple[str, ...]
) -> Problems:
    """Missing and unknown keys."""
    for name in required:
        if node.get(name) is None:
            yield f"missing required field: {name} [json-pointer:{pointer}]"
    for name in node:
        if name not in required and name not in allowed:
            yield f"invalid additional property: {name} [json-pointer:{pointer}]"


def length(value: Any, pointer: str, most: int, least: int = 1) -> Problems:
    """A text of least to most characters."""
    if not isinstance(value, str):
        yield f"must provide a string [json-pointer:{pointer}]"
    elif len(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{pointer}]"
    elif len(value) < least:
        yield f"must be more than {least - 1} characters [json-pointer:{pointer}]"


def listing(value: Any, pointer: str, most: int, least: int = 1) -> Problems:
    """A list of least to most items."""
    if not isinstance(value, list):
        yield f"must provide an array [json-pointer:{pointer}]"
    elif len(value) > most:
        yield f"no more than {most} items allowed [json-pointer:{pointer}]"
    elif len(value) < least:
        yield f"no less than {least} items allowed [json-pointer:{pointer}]"


def choice(value: Any, pointer: str, values: tuple[str, ...]) -> Problems:
    """One of the values."""
    if value not in values:
        yield f"must be one of: {', '.join(values)} [json-pointer:{pointer}]"


def text_object(
    value: Any, pointer: str, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> Problems:
    """`{"type": "mrkdwn", "text": ...}`."""
    if not isinstance(value, dict):
        yield f"must provide an object [json-pointer:{pointer}]"
        return
    yield from shape(value, pointer, ("type", "text"), ("emoji", "verbatim"))
    if value.get("type") is not None and value["type"] not in kinds:
        yield from choice(value["type"], f"{pointer}/type", kinds)
    if value.get("text") is not None:
        yield from length(value["text"], f"{pointer}/text", most)
    if value.get("type") == "mrkdwn" and "emoji" in value:
        yield f"invalid additional property: emoji [json-pointer:{pointer}]"


def rich_text(value: Any, pointer: str) -> Problems:
    """A single `rich_text` block."""
    if not isinstance(value, dict) or value.get("type") != "rich_text":
        yield f"must be a rich_text [json-pointer:{pointer}]"
        return
    yield from shape(value, pointer, ("elements",), ("type", "block_id"))
    yield from listing(value.get("elements"), f"{pointer}/elements", 1000, least=0)
    parts = value.get("elements")
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        yield from _rich_part(part, f"{pointer}/elements/{index}")


def _rich_part(part: Any, pointer: str) -> Problems:
    if not isinstance(part, dict) or part.get("type") not in RICH_PARTS:
        yield f"unsupported type [json-pointer:{pointer}]"
        return
    inner = part.get("elements")
    yield from listing(inner, f"{pointer}/elements", 1000, least=0)
    for index, item in enumerate(inner if isinstance(inner, list) else []):
        where = f"{pointer}/elements/{index}"
        if part["type"] == "rich_text_list":
            yield from _rich_part(item, where)
        elif not isinstance(item, dict) or item.get("type") not in RICH_INLINE:
            yield f"unsupported type [json-pointer:{where}]"
        elif item["type"] == "text":
            yield from length(item.get("text"), f"{where}/text", 40_000)


def button(element: Json, pointer: str) -> Problems:
    """A button: text 75 characters, value 2,000, url 3,000."""
    yield from shape(element, pointer, ("text",), ("type", *BUTTON_KEYS))
    if element.get("text") is not None:
        yield from text_object(element["text"], f"{pointer}/text", 75, kinds=("plain_text",))
    for name, most in (("action_id", 255), ("value", 2000), ("url", 3000)):
        if element.get(name) is not None:
            yield from length(element[name], f"{pointer}/{name}", most)
    if element.get("accessibility_label") is not None:
        yield from length(element["accessibility_label"], f"{pointer}/accessibility_label", 75)
    if element.get("style") is not None:
        yield from choice(element["style"], f"{pointer}/style", ("primary", "danger"))
    if element.get("confirm") is not None:
        yield from confirm(element["confirm"], f"{pointer}/confirm")


def confirm(value: Any, pointer: str) -> Problems:
    """The question before a button's action."""
    if not isinstance(value, dict):
        yield f"must provide an object [json-pointer:{pointer}]"
        return
    yield from shape(value, pointer, ("title", "text", "confirm", "deny"), ("style",))
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if value.get(name) is not None:
            kinds = ("plain_text", "mrkdwn") if name == "text" else ("plain_text",)
            yield from text_object(value[name], f"{pointer}/{name}", most, kinds)


def menu(element: Json, pointer: str) -> Problems:
    """A static menu or overflow: its options."""
    keys = ("type", "action_id", "options", "option_groups", "placeholder", "initial_option")
    yield from shape(element, pointer, (), (*keys, "confirm", "focus_on_load"))
    most = 5 if element.get("type") == "overflow" else 100
    options = element.get("options")
    if options is not None:
        yield from listing(options, f"{pointer}/options", most)
    first = element.get("initial_option")
    if first is not None and first not in (options or []):
        yield f"must be one of the options [json-pointer:{pointer}/initial_option]"
    if element.get("placeholder") is not None:
        kinds = ("plain_text",)
        yield from text_object(element["placeholder"], f"{pointer}/placeholder", 150, kinds)
    yield from _options(options, pointer)


def _options(options: Any, pointer: str) -> Problems:
    """The options of a menu or of checkboxes."""
    for index, option in enumerate(options if isinstance(options, list) else []):
        where = f"{pointer}/options/{index}"
        if not isinstance(option, dict):
            yield f"must provide an object [json-pointer:{where}]"
            continue
        yield from shape(option, where, ("text", "value"), ("description", "url"))
        if option.get("text") is not None:
            yield from text_object(option["text"], f"{where}/text", 75)
        if option.get("value") is not None:
            yield from length(option["value"], f"{where}/value", 150)


def boxes(element: Json, pointer: str) -> Problems:
    """Checkboxes: up to 10, each with a text of 75 characters and a value of 150."""
    keys = ("action_id", "initial_options", "confirm", "focus_on_load")
    yield from shape(element, pointer, ("options",), ("type", *keys))
    options = element.get("options")
    yield from listing(options, f"{pointer}/options", 10)
    yield from _options(options, pointer)
    ticked = element.get("initial_options")
    if ticked is not None:
        yield from listing(ticked, f"{pointer}/initial_options", 10)
        for option in ticked if isinstance(ticked, list) else []:
            if option not in (options or []):
                yield f"must be one of the options [json-pointer:{pointer}/initial_options]"


def image(element: Json, pointer: str) -> Problems:
    """An image beside text."""
    yield from shape(element, pointer, ("alt_text",), ("type", "image_url", "slack_file"))


def field(element: Json, pointer: str) -> Problems:
    """A modal's input field."""
    if element.get("type") == "plain_text_input":
        keys = ("action_id", "initial_value", "multiline", "min_length", "max_length")
        more = ("placeholder", "dispatch_action_config", "focus_on_load")
        yield from shape(element, pointer, (), ("type", *keys, *more))
    if element.get("placeholder") is not None:
        kinds = ("plain_text",)
        yield from text_object(element["placeholder"], f"{pointer}/placeholder", 150, kinds)
    if not 0 <= element.get("min_length", 0) <= 3000:
        yield f"must be between 0 and 3000 [json-pointer:{pointer}/min_length]"
    most = element.get("max_length", 3000)
    if not 1 <= most <= 3000:
        yield f"must be between 1 and 3000 [json-pointer:{pointer}/max_length]"
    if element.get("initial_value") is not None:
        yield from length(element["initial_value"], f"{pointer}/initial_value", most, least=0)
    if element.get("action_id") is not None:
        yield from length(element["action_id"], f"{pointer}/action_id", 255)


ELEMENTS: dict[str, Callable[[Json, str], Problems]] = {
    "button": button,
    "overflow": menu,
    "static_select": menu,
    "checkboxes": boxes,
    "image": image,
    "plain_text_input": field,
    "users_select": field,
    "conversations_select": field,
    "channels_select": field,
    "datepicker": field,
}
