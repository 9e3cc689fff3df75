"""Dead letters as a viewer may see them."""

from __future__ import annotations

from dataclasses import dataclass

from baton.text.masked import masked_text
from baton.text.printable import printable
from bot.dispatch.dead_letters import Reason, by_reason, environment_of
from bot.web.console.access import Viewer
from bot.web.console.parts import ConsoleParts
from bot.web.console.reading.viewing import note_of, reader_of

MAX_WHY = 300
"""Characters of a reason that are shown."""


@dataclass(frozen=True, slots=True)
class SeenReason:
    """A reason and its letters, with its text as people may read it."""

    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class SeenLetters:
    """The letters that somebody may see, by reason. `note` says how many are left out, and `bound`
    what part of all letters was looked through; empty if all."""

    reasons: tuple[SeenReason, ...] = ()
    note: str = ""
    bound: str = ""


async def read_letters(parts: ConsoleParts, viewer: Viewer) -> SeenLetters:
    """Return the dead letters. Raises BatonError while the bus is away."""
    found = await parts.letters.look()
    letters = found.letters
    reader = reader_of(parts.authorizer, viewer, "dead", parts.clock())
    seen = [one for one in letters if await reader.may_look_at(environment_of(one))]
    reasons = tuple(
        SeenReason(one, printable(masked_text(one.text))[:MAX_WHY]) for one in by_reason(seen)
    )
    return SeenLetters(reasons, note_of(reader, "letter", len(letters) - len(seen)), found.bound)
