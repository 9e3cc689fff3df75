"""Channels in a file must be named by their ids: a chat edits a message in no other way, and the
name of a channel may change. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from alerts.lines import line_of
from baton.errors import SettingsError

_ID = re.compile(r"[A-Z][A-Z0-9_]+")


def check_channels(named: Iterable[tuple[str, str]], text: str, file: str) -> None:
    """`named` are the channels in `file`, each with its key; `text` is what the file says. Raises
    SettingsError, with the line, if one is not an id."""
    for key, channel in named:
        if not _ID.fullmatch(channel):
            line = line_of(text, key)
            raise SettingsError(
                file=f"{file}, line {line}" if line else file,
                key=key,
                problem=f"“{channel}” is not the id of a channel",
                must="an id such as C0123ABCD: Slack shows it under the details of the channel",
            )
