"""What the comments of an example file say of its keys, so that they are written down once."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = re.compile(r"(# ?)?\[\[?([\w.]+)\]\]?(?P<comment> *#.*)?$")
_KEY = re.compile(r"(?:# ?)?([a-z_]+) = .*?\s# (.*)$")


def comments(file: Path) -> dict[tuple[str, str], str]:
    """The comment behind each key, by its table (`deploy.shop`) and the key.

    In tables that are themselves commented out, and behind a head with a comment, text flows from
    line to line: there a line is no sentence about its key.
    """
    found: dict[tuple[str, str], str] = {}
    table, flows = "", False
    for line in file.read_text().splitlines():
        if head := _HEAD.match(line):
            table = head[2]
            flows = bool(head[1] or head["comment"])
        elif (key := _KEY.match(line)) and not flows:
            found.setdefault((table, key[1]), key[2])
    return found
