"""Block Kit's rules: what Slack checks before it shows blocks (docs.slack.dev/reference/block-kit).

Pure: blocks in, problems out, worded with JSON pointers as Slack words them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baton_slack_testing.elements import (
    ELEMENTS,
    Problems,
    choice,
    length,
    listing,
    rich_text,
    shape,
    text_object,
)
from baton_slack_testing.errors import Json, Refusal, invalid

MOST_BLOCKS = 50
MOST_CHARACTERS = 13_200
CHARACTERS_PER_FURTHER_BLOCK = 125
MOST_MARKDOWN = 12_000
STATUSES = ("pending", "in_progress", "complete", "error")

KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "section": ((), ("text", "fields", "accessory", "expand")),
    "header": (("text",), ("level",)),
    "divider": ((), ()),
    "image": (("alt_text",), ("image_url", "slack_file", "title")),
    "actions": (("elements",), ()),
    "context": (("elements",), ()),
    "rich_text": (("elements",), ()),
    "markdown": (("text",), ()),
    "alert": (("text",), ("level",)),
    "table": (("rows",), ("column_settings",)),
    "plan": (("title",), ("tasks",)),
    "task_card": (("task_id", "title"), ("details", "output", "sources", "status")),
    "input": (("label", "element"), ("hint", "optional", "dispatch_action")),
}
MODAL_ONLY = ("input",)


def check_blocks(blocks: Any, *, plan_blocks: bool = True, most: int = MOST_BLOCKS) -> list[Json]:
    """The blocks, if Slack would show them.

    `plan_blocks=False` is a workspace that does not know `plan` and `task_card`.

    Raises:
        Refusal: `invalid_blocks_format`, `invalid_blocks`, `msg_blocks_too_long`.
    """
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Refusal("invalid_blocks_format")
    problems = list(listing(blocks, "/blocks", most, least=0))
    for index, block in enumerate(blocks):
        problems.extend(block_problems(block, f"/blocks/{index}", plan_blocks))
    problems.extend(together(blocks))
    if problems:
        raise invalid("invalid_blocks", problems)
    if most == MOST_BLOCKS and size(blocks) > MOST_CHARACTERS:
        raise Refusal("msg_blocks_too_long")
    return blocks


def together(blocks: list[Json]) -> Problems:
    """What holds across the blocks of one message."""
    kinds = [block.get("type") for block in blocks]
    if "plan" in kinds and "task_card" in kinds:
        yield "plan and task_card cannot be used in one message [json-pointer:/blocks]"
    if kinds.count("table") > 1:
        yield "only one table block is allowed [json-pointer:/blocks]"
    markdown = sum(len(str(b.get("text", ""))) for b in blocks if b.get("type") == "markdown")
    if markdown > MOST_MARKDOWN:
        yield f"must be less than {MOST_MARKDOWN + 1} characters [json-pointer:/blocks]"
    seen: set[str] = set()
    for pointer, block in with_id(blocks, "/blocks"):
        block_id = str(block["block_id"])
        if block_id in seen:
            yield f'`block_id` "{block_id}" already exists [json-pointer:{pointer}/block_id]'
        seen.add(block_id)


def with_id(blocks: list[Json], pointer: str) -> Iterator[tuple[str, Json]]:
    """Each block that names itself, the tasks of a plan included."""
    for index, block in enumerate(blocks):
        if isinstance(block, dict):
            if block.get("block_id"):
                yield f"{pointer}/{index}", block
            tasks = block.get("tasks")
            if isinstance(tasks, list):
                yield from with_id(tasks, f"{pointer}/{index}/tasks")


def block_problems(block: Any, pointer: str, plan_blocks: bool) -> Problems:
    """The problems of one block."""
    kind = block.get("type") if isinstance(block, dict) else None
    unknown = kind not in KEYS or (not plan_blocks and kind in ("plan", "task_card"))
    if unknown or not isinstance(block, dict) or not isinstance(kind, str):
        yield f"unsupported type: {kind} [json-pointer:{pointer}/type]"
        return
    required, optional = KEYS[kind]
    yield from shape(block, pointer, required, (*optional, "type", "block_id"))
    if block.get("block_id") is not None:
        yield from length(block["block_id"], f"{pointer}/block_id", 255)
    if all(block.get(name) is not None for name in required):
        yield from CONTENT[kind](block, pointer)


def _section(block: Json, pointer: str) -> Problems:
    text, fields, accessory = block.get("text"), block.get("fields"), block.get("accessory")
    if text is None and fields is None:
        yield f"missing required field: text [json-pointer:{pointer}]"
    if text is not None:
        yield from text_object(text, f"{pointer}/text", 3000)
    if fields is not None:
        yield from listing(fields, f"{pointer}/fields", 10)
        for index, field in enumerate(fields if isinstance(fields, list) else []):
            yield from text_object(field, f"{pointer}/fields/{index}", 2000)
    if accessory is not None:
        yield from element_problems(accessory, f"{pointer}/accessory")


def _actions(block: Json, pointer: str) -> Problems:
    elements = block["elements"]
    yield from listing(elements, f"{pointer}/elements", 25)
    seen: set[str] = set()
    for index, element in enumerate(elements if isinstance(elements, list) else []):
        where = f"{pointer}/elements/{index}"
        yield from element_problems(element, where)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if action_id in seen:
            yield f'`action_id` "{action_id}" already exists [json-pointer:{where}/action_id]'
        if action_id:
            seen.add(action_id)


def element_problems(element: Any, pointer: str) -> Problems:
    """The problems of one interactive element."""
    kind = element.get("type") if isinstance(element, dict) else None
    if not isinstance(kind, str) or kind not in ELEMENTS:
        yield f"unsupported type: {kind} [json-pointer:{pointer}/type]"
        return
    yield from ELEMENTS[kind](element, pointer)


def _context(block: Json, pointer: str) -> Problems:
    elements = block["elements"]
    yield from listing(elements, f"{pointer}/elements", 10)
    for index, element in enumerate(elements if isinstance(elements, list) else []):
        where = f"{pointer}/elements/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            yield from ELEMENTS["image"](element, where)
        else:
            yield from text_object(element, where, 3000)


def _task(block: Json, pointer: str) -> Problems:
    yield from length(block["task_id"], f"{pointer}/task_id", 255)
    yield from length(block["title"], f"{pointer}/title", 3000)
    if block.get("status") is not None:
        yield from choice(block["status"], f"{pointer}/status", STATUSES)
    for name in ("details", "output"):
        if block.get(name) is not None:
            yield from rich_text(block[name], f"{pointer}/{name}")


def _plan(block: Json, pointer: str) -> Problems:
    yield from length(block["title"], f"{pointer}/title", 3000)
    tasks = block.get("tasks", [])
    yield from listing(tasks, f"{pointer}/tasks", 50, least=0)
    for index, task in enumerate(tasks if isinstance(tasks, list) else []):
        where = f"{pointer}/tasks/{index}"
        # A plan is a card of cards; "type" is required on each as everywhere.
        if not isinstance(task, dict) or task.get("type") != "task_card":
            yield f"must be a task_card [json-pointer:{where}]"
        else:
            yield from block_problems(task, where, plan_blocks=True)


def _table(block: Json, pointer: str) -> Problems:
    rows = block["rows"]
    yield from listing(rows, f"{pointer}/rows", 100)
    for row, cells in enumerate(rows if isinstance(rows, list) else []):
        yield from listing(cells, f"{pointer}/rows/{row}", 20)
        for column, cell in enumerate(cells if isinstance(cells, list) else []):
            if not isinstance(cell, dict) or cell.get("type") not in ("raw_text", "rich_text"):
                yield f"unsupported type [json-pointer:{pointer}/rows/{row}/{column}]"


def _alert(block: Json, pointer: str) -> Problems:
    yield from text_object(block["text"], f"{pointer}/text", 3000)
    if block.get("level") is not None:
        levels = ("default", "info", "warning", "error", "success")
        yield from choice(block["level"], f"{pointer}/level", levels)


def _image(block: Json, pointer: str) -> Problems:
    yield from length(block["alt_text"], f"{pointer}/alt_text", 2000)
    if (block.get("image_url") is None) == (block.get("slack_file") is None):
        yield f"must provide image_url or slack_file [json-pointer:{pointer}]"


def _input(block: Json, pointer: str) -> Problems:
    yield from text_object(block["label"], f"{pointer}/label", 2000, kinds=("plain_text",))
    if block.get("hint") is not None:
        yield from text_object(block["hint"], f"{pointer}/hint", 2000, kinds=("plain_text",))
    yield from element_problems(block["element"], f"{pointer}/element")


CONTENT: dict[str, Any] = {
    "section": _section,
    "header": lambda b, p: text_object(b["text"], f"{p}/text", 150, kinds=("plain_text",)),
    "divider": lambda b, p: iter(()),
    "image": _image,
    "actions": _actions,
    "context": _context,
    "rich_text": rich_text,
    "markdown": lambda b, p: length(b["text"], f"{p}/text", MOST_MARKDOWN),
    "alert": _alert,
    "table": _table,
    "plan": _plan,
    "task_card": _task,
    "input": _input,
}


def size(blocks: list[Json]) -> int:
    """Characters of all blocks together as Slack counts them (bolt-js issue 2509: measured there).

    The text in them, and some 125 for each block after the first.
    """
    count = sum(1 + len(block.get("tasks") or []) for block in blocks)
    return characters(blocks) + CHARACTERS_PER_FURTHER_BLOCK * max(0, count - 1)


def characters(node: Any) -> int:
    """Length of every text in a block tree; ids, types and values are not text."""
    if isinstance(node, list):
        return sum(map(characters, node))
    if isinstance(node, dict):
        total = 0
        for key, value in node.items():
            if isinstance(value, str):
                total += len(value) if key in ("text", "title", "alt_text") else 0
            else:
                total += characters(value)
        return total
    return 0
