"""Trial: a recording is decided by two versions of alerts.toml, to find the messages that differ.

It uses a whole processor until it is done. So a bot runs it as a program of its own: `python -m
alerts.trial RECORDING`, with the texts of both files as JSON on its standard input.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.changes import dump
from alerts.replay import ReplayedMessage, compare, salvage_lines
from alerts.settings import AlertSettings, parse_alerts, with_installed
from baton.errors import BatonError

NICE = 10
MAX_MEMORY = 2 * 2**30
"""Bytes that this program may use: enough for some three million records."""


class TrialFailed(BatonError):
    """Cannot replay the recording {file}: {reason}."""


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """A message: when (steady seconds), where, and what it says."""

    at: float
    channel: str
    state: str
    title: str
    mention: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """Of `seen` records, and `torn` lines that cannot be read, `same` messages came from both
    settings, `gone` from the old ones alone and `new` from the new ones alone."""

    seen: int
    torn: int
    same: int
    gone: tuple[TrialMessage, ...]
    new: tuple[TrialMessage, ...]

    @property
    def summary(self) -> str:
        """The result in one sentence."""
        torn = f" ({_counted(self.torn, 'line')} cannot be read)" if self.torn else ""
        of = f"Of {_counted(self.seen, 'record')}{torn}"
        if not (self.gone or self.new):
            return f"{of} no message would differ: {_counted(self.same, 'message')} either way"
        gone = _counted(len(self.gone), "message")
        rest = f"{len(self.new)} would be new, {self.same} would stay"
        return f"{of}: {gone} would no longer be sent, {rest}"


def trial(file: Path, old: AlertSettings, new: AlertSettings) -> Trial:
    """Decide the recording in `file` with both settings. Raises TrialFailed if it cannot be
    read."""
    try:
        with file.open(errors="replace") as lines:
            recorded, torn = salvage_lines(lines)
    except OSError as error:
        raise TrialFailed(file=file, reason=error.strerror or str(error)) from None
    if torn and not recorded:
        raise TrialFailed(file=file, reason="it is not a recording: none of its lines can be read")
    # the end of a recording does not mean that all servers went silent
    found = compare(old, new, recorded, after=0.0)
    return Trial(len(recorded), torn, found.same, _messages(found.gone), _messages(found.new))


def main(words: Sequence[str]) -> None:
    """Run as a program of its own. If it fails, its last line says why."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    old, new = (with_installed(parse_alerts(text))[0] for text in json.load(sys.stdin))
    try:
        found: dict[str, Any] = dump(trial(Path(words[0]), old, new))
    except TrialFailed as error:
        sys.exit(str(error.facts["reason"]))
    except MemoryError:
        sys.exit("it needs too much memory: run baton alerts replay, which has no such limit")
    json.dump(found, sys.stdout)


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' * (count != 1)}"


def _messages(replayed: Sequence[ReplayedMessage]) -> tuple[TrialMessage, ...]:
    return tuple(
        TrialMessage(
            one.at,
            one.notification.channel,
            one.notification.content.state,
            one.notification.content.title,
            one.notification.content.mention,
        )
        for one in replayed
    )


if __name__ == "__main__":
    main(sys.argv[1:])
