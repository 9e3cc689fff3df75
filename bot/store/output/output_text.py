"""The whole output of a job, as a text: each line with its time in UTC, its server and its step,
without colours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import groupby

from baton.outcome import named
from baton.text.printable import without_escapes
from bot.store.database.text_search import ESCAPE
from bot.store.jobs.ledger import Ledger
from bot.store.output.log_slices import Slice, slices
from bot.store.output.outputs import OutputLine

MAX_CHARACTERS = 10_000_000
"""Characters of one text, at most: it is held in memory until it is uploaded."""


async def whole_output(ledger: Ledger, job: str, hosts: Iterable[str]) -> str:
    """Return the output of these servers in `job`, one server after the other, each line with its
    time in UTC, its server and its step, without colours. Past MAX_CHARACTERS the other servers
    are only named.

    Raises DatabaseUnavailable.
    """
    wanted = set(hosts)
    runs = [run for run in await ledger.output_sizes(job) if run.size]
    texts: list[str] = []
    size = 0
    left: dict[str, None] = {}
    for asked, beside in groupby(runs, key=lambda run: run.host in wanted):
        some = list(beside) if asked else []
        for part in slices(some):
            if size > MAX_CHARACTERS:
                left.update((run.host, None) for run in some if part.first <= run.host <= part.last)
                continue
            texts.append(await _read(ledger, job, part))
            size += len(texts[-1])
    if left:
        names = named(list(left), 20)
        texts.append(f"Left out of this file because of its size, or cut short: {names}\n")
    return "".join(texts)


async def output_text(ledger: Ledger, job: str, host: str | None = None) -> AsyncIterator[str]:
    """Yield all output of `job`, or of one of its servers, one server after the other, in parts.
    Little of it is held in memory, however long it is.

    Raises DatabaseUnavailable.
    """
    for part in slices(await ledger.output_sizes(job, host)):
        yield await _read(ledger, job, part)


async def _read(ledger: Ledger, job: str, part: Slice) -> str:
    pieces = await ledger.output_slice(job, part)
    # up to 20,000 of them: others are served meanwhile
    return await asyncio.to_thread(_text_of_all, pieces)


def _text_of_all(pieces: Iterable[OutputLine]) -> str:
    return "".join(map(_text_of, pieces))


def _text_of(piece: OutputLine) -> str:
    step = f"[{piece.step}] " if piece.step else ""
    head = without_escapes(f"{piece.time:%H:%M:%S} {piece.host} {step}")
    rows = piece.text.splitlines()
    if ESCAPE in piece.text or not piece.text.isascii():
        rows = [without_escapes(row) for row in rows]
    return "".join([f"{head}{row}\n" for row in rows])
