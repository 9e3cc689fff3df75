"""What a person reads in a message: blocks flattened to text, and the buttons in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baton_slack_testing.errors import Json

READABLE = ("title", "text", "fields", "elements", "details", "output", "tasks", "sources")
STRUCTURES = ("accessory", "rows", "label", "description", "hint", "element")


def plain(text: str, blocks: list[Json]) -> str:
    """Everything readable: the blocks when there are any (the text is then only a notification)."""
    return "\n".join(words(blocks)) if blocks else text


def words(node: Any) -> Iterator[str]:
    """Each readable piece of a block tree, in order."""
    if isinstance(node, list):
        if any(isinstance(item, dict) and item.get("type") in INLINE for item in node):
            yield "".join(inline(item) for item in node)
            return
        for item in node:
            yield from words(item)
    elif isinstance(node, dict):
        if node.get("type") in INLINE:
            yield inline(node)
            return
        for key in READABLE + STRUCTURES:
            value = node.get(key)
            if isinstance(value, str) and value:
                yield value
            elif value is not None:
                yield from words(value)
        if node.get("type") == "task_card" and node.get("status"):
            yield f"[{node['status']}]"


INLINE = ("text", "link", "user", "usergroup", "channel", "emoji", "broadcast", "date")


def inline(item: Json) -> str:
    """One piece of a rich text line, as it reads."""
    match item.get("type"):
        case "user":
            return f"<@{item.get('user_id')}>"
        case "channel":
            return f"<#{item.get('channel_id')}>"
        case "usergroup":
            return f"<!subteam^{item.get('usergroup_id')}>"
        case "emoji":
            return f":{item.get('name')}:"
        case "broadcast":
            return f"<!{item.get('range')}>"
        case "link":
            return str(item.get("text") or item.get("url"))
        case "date":
            return str(item.get("fallback") or item.get("format"))
        case _:
            return str(item.get("text", ""))


def buttons(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each (block, button) that a person could click."""
    for block in blocks:
        candidates = [*block.get("elements", []), block.get("accessory")]
        for element in candidates:
            if isinstance(element, dict) and element.get("type") == "button":
                yield block, element
