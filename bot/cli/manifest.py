"""`baton manifest`: the manifest of the Slack app, with the commands that are installed here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import typer

from baton.command import Command
from baton.text.printable import printable
from bot.cli.extra import need_extra
from bot.cli.init import template

MOST = 50
"""Slash commands that a Slack app may have."""
_NAME = re.compile(r"[a-z0-9_-]{1,31}")
"""A command that can be a slash command: with its slash it has 32 letters at most."""
_SECTION = re.compile(r"(?<=^  slash_commands:\n)(?:    .*\n)+", re.M)
_ENTRY = re.compile(r"^    - command: /(\S+)\n(?:      .*\n)+", re.M)


def manifest() -> None:
    """Print the manifest of the Slack app for what is installed."""
    need_extra("manifest")
    from baton.extensions import installed

    commands = [extension.command for extension in installed().values()]
    text, left_out = with_commands(template("manifest.yml"), commands)
    typer.echo(text, nl=False)
    if left_out:
        names = ", ".join(f"/baton {name}" for name in left_out)
        typer.echo(
            f"{len(left_out)} without a slash command of their own, since Slack takes {MOST} at "
            f"most, in lower case and of 32 letters at most; they are asked as {names}.",
            err=True,
        )


def with_commands(text: str, commands: Iterable[type[Command]]) -> tuple[str, list[str]]:
    """Return the manifest `text` with a slash command for each of `commands`, and the names of
    those for which there is no room, or which cannot be one. What it has already stays."""
    section = _SECTION.search(text)
    assert section is not None
    entries = {found[1]: found[0] for found in _ENTRY.finditer(section[0])}
    left_out = []
    for command in sorted(commands, key=lambda each: each.name):
        if command.name in entries:
            continue
        if len(entries) < MOST and _NAME.fullmatch(command.name):
            entries[command.name] = _entry(command)
        else:
            left_out.append(command.name)
    first = entries.pop("baton")
    whole = first + "".join(entries[name] for name in sorted(entries))
    return text[: section.start()] + whole + text[section.end() :], left_out


def _entry(command: type[Command]) -> str:
    hint = command.usage().partition(" ")[2]
    lines = [
        f"    - command: /{command.name}",
        f"      description: {_quoted(command.summary() or command.name, 2000)}",
        *([f"      usage_hint: {_quoted(hint, 1000)}"] if hint else ()),
        "      should_escape: true",
    ]
    return "".join(f"{line}\n" for line in lines)


def _quoted(text: str, most: int) -> str:
    """Return `text` as a value of YAML, whatever is in it."""
    return json.dumps(printable(text)[:most])
