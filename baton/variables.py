"""Environment variables that nobody reads, though somebody meant one that is read. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

PREFIX = "BATON_"
_NEAR = 0.75
_SHORTEST = 3
"""Letters that two names must share for one to be the other cut short."""


def misspelt(given: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each of `given` that begins with PREFIX and is not `known`, with the one of these that was
    most likely meant. What is like none of them may be somebody else's, and is left out."""
    names = [name.removeprefix(PREFIX) for name in known if name.startswith(PREFIX)]
    for variable in sorted(given):
        if variable in known or not variable.upper().startswith(PREFIX):
            continue
        name = variable.upper()[len(PREFIX) :]
        if near := _nearest(name, names):
            yield variable, PREFIX + near


def _nearest(name: str, known: Collection[str]) -> str:
    if found := difflib.get_close_matches(name, known, n=1, cutoff=_NEAR):
        return found[0]
    if len(name) < _SHORTEST:
        return ""
    return next((one for one in sorted(known) if one.startswith(name)), "")
