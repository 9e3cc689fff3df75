#!/usr/bin/env python3
"""Verify an audit log that `baton audit export` has written, with nothing but Python itself.

    python3 verifier.py audit.jsonl [--head NUMBER:HASH]... [--first NUMBER]

Each line is one entry, as a JSON object. Its `hash` is the SHA-256 of the `previous` hash, a line
feed, and the entry itself without these two, as JSON with sorted keys and no spaces. So an entry
that was changed, removed or put elsewhere is found. Who can write the database can also compute
every hash anew: against that there are the heads that the bot posts each day. Name each with
--head. It exits with 1 if something was found.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MOST_SHOWN = 1_000
"""Findings that are printed, at most."""


def digest(previous: str, entry: Mapping[str, Any]) -> str:
    """Return the hash of `entry`, which stands after the one with the hash `previous`."""
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


class Verifier:
    """A verifier reads entries in their order, from the one with the number `first`; `heads` are
    the hashes that must be found, by number. `count` is how many entries it has read, `number` and
    `hash` those of the last one."""

    def __init__(self, heads: Mapping[int, str], first: int = 1) -> None:
        self._heads = dict(heads)
        self._known = first == 1
        self.count = 0
        self.number = first - 1
        self.hash = ""

    def read(self, where: str, found: object) -> Iterator[str]:
        """Read the next entry, which stands at `where`, and yield what is wrong with it."""
        parts = _parts(found)
        if parts is None:
            yield f"{where} is not an entry of an audit log"
            return
        number, previous, hash, entry = parts
        self.count += 1
        yield from self._place(number, previous)
        if digest(previous, entry) != hash:
            yield f"entry {number} was changed: its hash does not belong to what it says"
        if hash.startswith(self._heads.get(number, "-")):
            del self._heads[number]
        self.number, self.hash, self._known = max(number, self.number), hash, True

    def end(self) -> Iterator[str]:
        """Yield which heads were not found, now that there are no more entries."""
        for number, hash in sorted(self._heads.items()):
            if number > self.number:
                yield (
                    f"entries are missing at the end: the last one is {self.number}, and the head "
                    f"that was posted is of entry {number}"
                )
            else:
                yield f"entry {number} does not have the hash {hash} that was posted for it"

    def _place(self, number: int, previous: str) -> Iterator[str]:
        due = self.number + 1
        if number > due:
            some = f"entry {due} is" if number == due + 1 else f"entries {due} to {number - 1} are"
            yield f"{some} missing"
        elif number < due:
            yield f"entry {number} stands after entry {self.number}"
        elif self._known and previous != self.hash:
            yield f"entry {number} does not follow the entry before it: one of them was exchanged"


def _parts(found: object) -> tuple[int, str, str, dict[str, Any]] | None:
    if not isinstance(found, dict):
        return None
    entry = {str(name): value for name, value in found.items()}
    number, previous, hash = entry.get("number"), entry.pop("previous", ""), entry.pop("hash", "")
    if not (isinstance(number, int) and isinstance(previous, str) and isinstance(hash, str)):
        return None
    return number, previous, hash, entry


def verify_lines(lines: Iterable[str], verifier: Verifier) -> Iterator[str]:
    """Yield what is wrong with the entries in `lines`, each a JSON object."""
    for at, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        yield from verifier.read(f"line {at}", found)
    yield from verifier.end()


def head_of(text: str) -> tuple[int, str]:
    """Return the head in `text`, such as `1204:9f86d081`. Raises ValueError."""
    number, _, hash = text.partition(":")
    if not number.isdecimal() or len(hash) < 8 or not set(hash) <= set("0123456789abcdef"):
        raise ValueError(
            "a head is NUMBER:HASH, as the bot posted it, such as 1204:9f86d081884c7d65"
        )
    return int(number), hash


def summary(verifier: Verifier, found: int) -> str:
    """Return how it ended, in a line."""
    if found:
        return f"{found} {'fault' if found == 1 else 'faults'} in {verifier.count} entries"
    return f"{verifier.count} entries, unbroken; the head is {verifier.number}:{verifier.hash}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Verify an exported audit log.")
    parser.add_argument("file", help="the file that `baton audit export` has written")
    parser.add_argument("--head", action="append", default=[], help="NUMBER:HASH, as it was posted")
    parser.add_argument("--first", type=int, default=1, help="the number of the first entry")
    asked = parser.parse_args()
    try:
        verifier = Verifier(dict(map(head_of, asked.head)), asked.first)
        with open(asked.file, encoding="utf-8", errors="replace") as lines:
            found = 0
            for found, text in enumerate(verify_lines(lines, verifier), 1):
                if found <= MOST_SHOWN:
                    print(text)
    except (OSError, ValueError) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    print(summary(verifier, found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
