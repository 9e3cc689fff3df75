"""Whatever is done to an exported audit log is found, and named by its place."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.bus.messages import Person
from bot.audit import verifier as program
from bot.audit.chain import Head, Link, line_of
from bot.audit.verifier import Verifier, head_of, verify_lines
from bot.jobs import AuditEntry, Place

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEDS = 10_000
"""How many changes are tried, each of a log of SHORT entries."""
SHORT = 12


def entry(number: int, words: str = "") -> AuditEntry:
    """The ask with this number."""
    return AuditEntry(
        T0 + timedelta(seconds=number),
        Person(id=f"U{number % 7}", name="änn"),
        Place("slack", f"C{number % 3}", "1.2", "ops"),
        words or f"deploy shop prod --ref v{number}",
        "allowed",
        job=f"j{number}",
        environment="prod",
        key=f"k{number}",
    )


def chain(entries: list[AuditEntry]) -> Iterator[Link]:
    """These entries, sealed."""
    head = Head()
    for each in entries:
        after = head.sealed(each)
        yield Link(after.number, head.hash, after.hash, each)
        head = after


LINKS = list(chain([entry(number) for number in range(1, 41)]))
LINES: list[dict[str, Any]] = [json.loads(line_of(link)) for link in LINKS]
HEAD = {40: LINKS[-1].hash}
_NAMED = re.compile(r"(?:entry|entries|to) (\d+)")
"""Where a finding names an entry: a hash has digits too."""


def found(lines: list[dict[str, Any]], heads: dict[int, str] | None = None) -> list[str]:
    """What the verifier says of `lines`."""
    return list(verify_lines(map(json.dumps, lines), Verifier(HEAD if heads is None else heads)))


def test_a_log_that_nobody_touched_is_unbroken() -> None:
    """Every entry, and the head, even one that is given in short."""
    assert found(LINES) == []
    assert found(LINES, dict([head_of(f"40:{LINKS[-1].hash[:16]}")])) == []


@settings(max_examples=100)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_goes_through_an_export(words: list[str]) -> None:
    """What people typed is hashed as it is read back, whatever its letters are."""
    words = [each.encode(errors="replace").decode() for each in words]
    links = chain([entry(at, each) for at, each in enumerate(words, 1)])
    assert list(verify_lines([line_of(link) for link in links], Verifier({}))) == []


def changed(seed: int) -> tuple[str, list[dict[str, Any]], int]:
    """What was done, the log after it, and the number of the entry at which it must be named."""
    dice = random.Random(seed)
    lines = copy.deepcopy(LINES[:SHORT])
    at = dice.randrange(len(lines))
    kind = dice.choice(["edit", "delete", "swap", "twice", "contents", "rehash"])
    if kind in ("edit", "rehash"):
        field = dice.choice(["words", "verdict", "reason", "time", "job", "environment", "key"])
        lines[at][field] = f"{lines[at][field]} "
        if dice.random() < 0.3:
            lines[at]["person"] = {"id": "U_EVE", "name": ""}
        if kind == "rehash":
            rest = {k: v for k, v in lines[at].items() if k not in ("hash", "previous")}
            lines[at]["hash"] = program.digest(lines[at]["previous"], rest)
            at = min(at + 1, len(lines) - 1)
    elif kind == "delete":
        del lines[at]
    elif kind == "twice":
        lines.insert(at, copy.deepcopy(lines[at]))
    else:
        other = dice.choice([each for each in range(len(lines)) if each != at])
        if kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        else:
            for field in ("words", "time", "job", "key"):
                values = lines[at][field], lines[other][field]
                lines[other][field], lines[at][field] = values
        at = min(at, other)
    return kind, lines, at + 1


@pytest.mark.slow
def test_changes_deletions_and_swaps_are_named() -> None:
    """Each names the entry that was changed, is missing, or stands where it does not belong."""
    head = {SHORT: LINKS[SHORT - 1].hash}
    for seed in range(SEEDS):
        kind, lines, number = changed(seed)
        said = found(lines, head)
        numbers = {int(each) for text in said for each in _NAMED.findall(text)}
        assert number in numbers, (seed, kind, number, said)


def test_what_is_missing_at_the_end_is_told_by_a_head() -> None:
    """The chain itself cannot: an attacker cuts off the newest entries. Nor can it tell that all of
    it was written anew."""
    assert found(LINES[:30], {}) == []
    (said,) = found(LINES[:30])
    assert said == (
        "entries are missing at the end: the last one is 30, and the head that was posted is of "
        "entry 40"
    )
    anew = [json.loads(line_of(one)) for one in chain([entry(n, "x") for n in range(1, 41)])]
    assert found(anew, {}) == []
    assert found(anew) == [f"entry 40 does not have the hash {HEAD[40]} that was posted for it"]


def test_a_part_of_a_log_is_verified_from_its_first_entry() -> None:
    """Entries that are missing at its beginning are missing, unless it was said where it begins."""
    assert found(LINES[9:]) == ["entries 1 to 9 are missing"]
    assert list(verify_lines(map(json.dumps, LINES[9:]), Verifier(HEAD, first=10))) == []


def test_a_line_that_is_no_entry_is_named() -> None:
    """It hides none of the others."""
    lines = [json.dumps(each) for each in LINES[:2]]
    for odd in ("", "[1]", '{"number": "3"}', "{", '{"number": 3, "hash": 4}'):
        said = list(verify_lines([lines[0], odd, lines[1]], Verifier({})))
        assert said == ["line 2 is not an entry of an audit log"]


@pytest.mark.slow
def test_the_program_needs_nothing_but_python(tmp_path: Path) -> None:
    """It runs alone, in a folder without Baton, and its exit code says how it ended."""
    script, log = tmp_path / "verifier.py", tmp_path / "audit.jsonl"
    script.write_text(Path(program.__file__).read_text("utf-8"), "utf-8")
    log.write_text("".join(f"{line_of(link)}\n" for link in LINKS), "utf-8")

    def run(*argv: str) -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", str(script), *argv]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        return done.returncode, done.stdout + done.stderr

    head = f"40:{LINKS[-1].hash}"
    assert run(str(log), "--head", head) == (0, f"40 entries, unbroken; the head is {head}\n")
    log.write_text(log.read_text("utf-8").replace("v7", "v8"), "utf-8")
    code, said = run(str(log))
    assert (code, said.splitlines()[-1]) == (1, "1 fault in 40 entries")
    assert said.startswith("entry 7 was changed")
    assert run(str(log), "--head", "forty")[0] == 2
    assert run(str(tmp_path / "none"))[0] == 2


@pytest.mark.parametrize("text", ["", "12", "12:", "12:zz", "x:0123456789", "12:0123"])
def test_a_head_that_is_none_is_refused(text: str) -> None:
    """A short one could be found by chance."""
    with pytest.raises(ValueError, match="NUMBER:HASH"):
        head_of(text)
