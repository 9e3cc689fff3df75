"""The whole output of a job, as one text."""

from __future__ import annotations

from collections.abc import Iterable

from baton.outcome import named
from baton.text.printable import without_escapes
from bot.store.jobs.ledger import Ledger

MAX_CHARACTERS = 10_000_000
"""Characters of one text, at most: it is held in memory until it is uploaded."""


async def whole_output(ledger: Ledger, job: str, hosts: Iterable[str]) -> str:
    """Return the output of these servers in `job`, one server after the other, each line with its
    time in UTC, its server and its step, without colours. Past MAX_CHARACTERS the other servers
    are only named.

    Raises DatabaseUnavailable.
    """
    parts: list[str] = []
    size = 0
    left: list[str] = []
    for host in hosts:
        if size > MAX_CHARACTERS:
            left.append(host)
            continue
        for line in await ledger.output(job, host):
            step = f"[{line.step}] " if line.step else ""
            head = f"{line.time:%H:%M:%S} {line.host} {step}"
            rows = line.text.splitlines()
            parts += [f"{head}{without_escapes(row)}\n" for row in rows]
            size += len(line.text) + len(head) * (line.text.count("\n") + 1)
    if left:
        parts.append(f"Left out of this file because of its size: {named(left, 20)}\n")
    return "".join(parts)
