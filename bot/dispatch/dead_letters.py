"""The dead letters as this bot sees them: looked at by one person at a time, since whoever looks
holds them for that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from baton.bus.channel import Channel
from baton.bus.dead_letters import (
    DeadLetter,
    FoundLetters,
    Resent,
    drop,
    list_letters,
    resend,
)
from baton.bus.messages import Heartbeat, Pong, Probed, Request, Update
from baton.errors import UsageError
from baton.text.words import cited

MOST = 500
"""Letters that are looked through, the oldest first."""
ALL = "all."
"""Stands before the name of a reason where all letters of it are meant."""
_LEAST = 4
"""Characters of the name of a letter that are enough, if no other begins so."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Letters that are dead for the same reason. `newest` is when the last of them was sent, as far
    as that is known."""

    name: str
    text: str
    letters: tuple[DeadLetter, ...]
    newest: datetime | None

    @property
    def word(self) -> str:
        """What means all of them."""
        return f"{ALL}{self.name}"


def environment_of(letter: DeadLetter) -> str:
    """Return the environment that a letter is about; empty if it is about none."""
    message = letter.message
    if isinstance(message, Request | Update | Probed):
        return message.environment
    if isinstance(message, Pong | Heartbeat):
        return message.facts.environment
    return ""


def by_reason(letters: Sequence[DeadLetter]) -> list[Reason]:
    """Return the letters by reason: the most frequent first."""
    found: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault(letter.kind, []).append(letter)
    reasons = [
        Reason(
            kind,
            some[-1].reason,
            tuple(some),
            max((one.time for one in some if one.time is not None), default=None),
        )
        for kind, some in found.items()
    ]
    return sorted(reasons, key=lambda one: (-len(one.letters), one.name))


def meant(letters: Sequence[DeadLetter], word: str) -> list[DeadLetter]:
    """Return the letters that `word` means: one by its name or the beginning of it, or all of a
    reason. Raises UsageError if there are none, or if it is not clear which."""
    if word.startswith(ALL):
        found = [one for one in letters if one.kind == word.removeprefix(ALL)]
        if not found:
            raise UsageError(f"No dead letter has the reason {cited(word)}. See /dead.")
        return found
    exact = [one for one in letters if one.name == word]
    if exact:
        return exact
    begin = [one for one in letters if len(word) >= _LEAST and one.name.startswith(word)]
    names = {one.name for one in begin}
    if len(names) == 1:
        return begin
    if names:
        raise UsageError(f"{len(names)} dead letters begin with {cited(word)}. Type more of it.")
    raise UsageError(f"There is no dead letter {cited(word)}. See /dead.")


class DeadLetters:
    """The dead letters on `channel`. Every method raises BatonError while the bus is away."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._looking = asyncio.Lock()

    async def look(self) -> FoundLetters:
        """Return the oldest letters, at most MOST. They stay."""
        async with self._looking:
            return await list_letters(self._channel, MOST)

    async def resend(self, names: Collection[str], to: str = "") -> Resent:
        """Send letters again, to where they were addressed or under the key `to`."""
        async with self._looking:
            return await resend(self._channel, names, MOST, to=to)

    async def drop(self, names: Collection[str]) -> list[DeadLetter]:
        """Remove letters for good; return those that were."""
        async with self._looking:
            return await drop(self._channel, names, MOST)
