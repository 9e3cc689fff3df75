"""The output of a job in slices: parts that are read one after the other, each in a short
transaction, so that nobody waits for whoever reads much. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

SLICE_CHARACTERS, SLICE_LINES = 1_000_000, 20_000
"""How much a slice holds at most, about."""


@dataclass(frozen=True, slots=True)
class RunOutput:
    """How much output a run has so far: lines, and characters."""

    host: str
    attempt: int
    lines: int
    size: int


class LogPosition(NamedTuple):
    """A place in the output of a job: in the piece that ends with the character `ends` of a run,
    behind its line `line`."""

    host: str
    attempt: int
    ends: int
    line: int

    def __str__(self) -> str:
        return f"{self.attempt}.{self.ends}.{self.line}.{self.host}"

    @classmethod
    def parse(cls, text: str) -> LogPosition:
        """Return the position that was written as `text`. Raises ValueError."""
        attempt, ends, line, host = text.split(".", 3)
        numbers = [int(each) for each in (attempt, ends, line) if each.isascii()]
        if len(numbers) != 3 or not host or not all(0 <= each < 2**63 for each in numbers):
            raise ValueError(text)
        return cls(host, *numbers)


@dataclass(frozen=True, slots=True)
class Slice:
    """All output of the servers from `first` to `last`, in the order of their names; with `attempt`
    only that of one run, behind its character `after` and up to `upto`."""

    first: str
    last: str
    attempt: int | None = None
    after: int = 0
    upto: int = 0

    @property
    def begin(self) -> LogPosition:
        """Where it begins."""
        return LogPosition(self.first, self.attempt or 0, self.after + 1, 0)


def slices(outputs: Sequence[RunOutput], begin: LogPosition | None = None) -> Iterator[Slice]:
    """Yield slices that together hold all output, or all from `begin` on. `outputs` are in the
    order of hosts and attempts."""
    small: list[str] = []
    characters = lines = 0
    for host, group in groupby(outputs, key=lambda one: one.host):
        runs = list(group)
        size, count = sum(run.size for run in runs), sum(run.lines for run in runs)
        if not size or (begin is not None and host < begin.host):
            continue
        resumed = begin is not None and host == begin.host
        too_many = characters + size > SLICE_CHARACTERS or lines + count > SLICE_LINES
        if small and (resumed or too_many):
            yield Slice(small[0], small[-1])
            small, characters, lines = [], 0, 0
        if resumed or size > SLICE_CHARACTERS or count > SLICE_LINES:
            for run in runs:
                yield from _parts(run, begin if resumed else None)
        else:
            small.append(host)
            characters, lines = characters + size, lines + count
    if small:
        yield Slice(small[0], small[-1])


def _parts(run: RunOutput, begin: LogPosition | None) -> Iterator[Slice]:
    """Yield a run in parts of about the same size."""
    after = 0
    if begin is not None and run.attempt <= begin.attempt:
        after = begin.ends - 1 if run.attempt == begin.attempt else run.size
    count = max(-(-run.size // SLICE_CHARACTERS), -(-run.lines // SLICE_LINES), 1)
    width = -(-run.size // count)
    while after < run.size:
        upto = min(after + width, run.size)
        yield Slice(run.host, run.host, run.attempt, after, upto)
        after = upto
