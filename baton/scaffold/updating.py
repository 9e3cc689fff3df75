"""Brings a later template into a package, beside what was changed there.

Three-way, file by file: what the old template wrote, what stands there now, what the new one
writes. Everything is decided before the first file is written.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from baton.errors import BatonError
from baton.scaffold.record import NAME, Record, read_record
from baton.scaffold.template import Files, render
from baton.version import baton_version

MARKERS = re.compile(rb"^(<{7} |>{7} )", re.M)
"""The lines between which git shows both sides of a conflict."""


class UpdateRefused(BatonError):
    """Nothing was changed: {reason}. {fix}"""

    permanent = True


class UpdateStopped(BatonError):
    """The update stopped at {file}: {reason}. Mend that and repeat it: what is done already stays
    as it is."""

    permanent = True


class What(StrEnum):
    """What is done with a file."""

    ADDED = "added"
    UPDATED = "updated"
    MERGED = "merged with your changes"
    CONFLICT = "CONFLICT: both changed the same lines"
    REMOVED = "removed"
    KEPT = "kept: the template has it no longer, and you changed it"
    LEFT = "left as it is: you deleted it, or it is no plain file"


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with the file `path`; `content` is what is written, None if nothing is."""

    path: str
    what: What
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """The `changes` that were made; `before` and `after` are the versions of Baton."""

    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def conflicts(self) -> list[str]:
        """Return the files in which both sides are to be made one by hand."""
        return [change.path for change in self.changes if change.what is What.CONFLICT]


def update(folder: Path, template: Path | None = None) -> Update:
    """Bring the template into the package in `folder`; by default it is that of this Baton.

    Raises RecordUnusable if `baton new` did not make it, and UpdateRefused if its changes are not
    committed, if an earlier conflict is not resolved, or if a later Baton has written it.
    """
    record = read_record(folder)
    version = baton_version()
    if _number(record.version) > _number(version):
        raise UpdateRefused(
            reason=f"Baton {record.version} has written it, and this one is {version}",
            fix="Update it with that one or a later one.",
        )
    _check_committed(folder)
    new = render(record.answers, template)
    changes = tuple(_decided(folder, record.files, new))
    try:
        for change in changes:
            _carry_out(folder, change)
        _write(folder / NAME, Record(version, record.answers, new).text().encode())
    except OSError as error:
        raise UpdateStopped(file=error.filename, reason=error.strerror) from error
    return Update(record.version, version, changes)


def _decided(folder: Path, old: Files, new: Files) -> Iterator[Change]:
    """Yield what is to be done, for each file with which something is."""
    for path in sorted({*old, *new}):
        base, theirs = old.get(path), new.get(path)
        if base == theirs:
            continue
        file = folder / path
        plain = file.is_file() and not file.is_symlink()
        if os.path.lexists(file) and not plain:
            yield Change(path, What.LEFT)
            continue
        mine = file.read_bytes() if plain else None
        if mine != theirs:
            yield _decide(path, mine, base, theirs)


def _decide(path: str, mine: bytes | None, base: bytes | None, theirs: bytes | None) -> Change:
    """Return what is done with a file that is `mine` here; None means that there is none."""
    if mine is None:
        return Change(path, What.LEFT) if base is not None else Change(path, What.ADDED, theirs)
    if theirs is None:
        return Change(path, What.REMOVED if mine == base else What.KEPT)
    if mine == base:
        return Change(path, What.UPDATED, theirs)
    if MARKERS.search(mine):
        raise UpdateRefused(
            reason=f"{path} holds a conflict of an earlier update",
            fix="Resolve it: the lines between <<<<<<< and >>>>>>> are yours and the template's.",
        )
    merged, conflicts = _merged(mine, base or b"", theirs)
    return Change(path, What.CONFLICT if conflicts else What.MERGED, merged)


def _merged(mine: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Return the three as git merges them, and whether there are conflicts in it."""
    with tempfile.TemporaryDirectory(prefix="baton-new-") as folder:
        names = ("yours", "before", "template")
        for name, content in zip(names, (mine, base, theirs), strict=True):
            (Path(folder) / name).write_bytes(content)
        labels = [word for name in names for word in ("-L", name)]
        done = _git(Path(folder), "merge-file", "-p", *labels, *names)
    if done.returncode < 0 or done.returncode > 127:  # else it is the number of conflicts
        raise UpdateRefused(
            reason=f"git cannot merge it ({done.stderr.decode(errors='replace').strip()})",
            fix="Is a file of the package no text?",
        )
    return done.stdout, done.returncode > 0


def _check_committed(folder: Path) -> None:
    """Raise UpdateRefused unless all is committed, so that nothing of it can be lost. A folder in
    no repository has no such net: there conflicts still hold both sides."""
    if _git(folder, "rev-parse", "--is-inside-work-tree").returncode != 0:
        return
    if _git(folder, "status", "--porcelain", "--", ".").stdout.strip():
        raise UpdateRefused(
            reason="something here is not committed",
            fix="Commit it first: then git shows what the update did, and takes it back.",
        )


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError:
        raise UpdateRefused(reason="git was not found", fix="Install it.") from None
    except subprocess.TimeoutExpired:
        raise UpdateRefused(reason=f"git {words[0]} took too long", fix="Try again.") from None


def _carry_out(folder: Path, change: Change) -> None:
    file = folder / change.path
    if change.what is What.REMOVED:
        file.unlink()
    elif change.content is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, change.content)


def _write(file: Path, content: bytes) -> None:
    """Write `file` whole or not at all, and keep its mode."""
    mode = file.stat().st_mode if file.exists() else None
    half = file.with_name(f".{file.name}.new")
    half.write_bytes(content)
    if mode is not None:
        half.chmod(mode)
    half.replace(file)


def _number(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to compare it by; none if it has none."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))
