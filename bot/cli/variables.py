"""Environment variables are listed here that Baton reads; misspelt ones are found. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

from baton.agent.settings import AGENT_VARIABLES
from baton.worker.settings import WORKER_VARIABLES

PREFIX = "BATON_"

VARIABLES = frozenset(
    (
        *AGENT_VARIABLES,
        *WORKER_VARIABLES,
        "BATON_ALERTS_FILE",
        "BATON_DATABASE_URL",
        "BATON_LOG_FORMAT",
        "BATON_LOG_LEVEL",
        "BATON_TOKEN",
        "BATON_URL",
        "BATON_WEB_ADDRESS",
        "BATON_WEB_ENABLED",
        "BATON_WEB_PORT",
        "BATON_WEB_URL",
    )
)
"""Every environment variable of Baton's own that is read: by agent, worker, bot or client."""

_NEAR = 0.75
_SHORTEST = 3
"""Letters that two names must share for one to be the other cut short."""


def misspelt(given: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each of `given` that begins with PREFIX and is not `known`, with the most likely known
    one.

    What is like none of them may be somebody else's, and is left out.
    """
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
