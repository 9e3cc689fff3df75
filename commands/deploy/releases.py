"""The folder of an app: its releases, what they share, and the link to the one that is live.

releases/20261124055501-v2     each as Capistrano lays it out
releases/….failed              one that failed, to look into until the next deploy
releases/….removing            one that could not be removed whole; tried again by the next deploy
.before.json                   what was live when each was deployed: where a rollback goes
shared/                        what outlives a release, linked into each
current -> releases/…          switched atomically
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import StringConstraints

from baton.bus.facts import ReleaseFacts
from baton.errors import Failed

ReleaseName = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{14}(-[A-Za-z0-9._+-]*)?$", max_length=120)
]
"""The name of a release, as its folder has it."""

_OURS = re.compile(r"^\d{14}(-[^/]*)?$")
_FAILED = ".failed"
_REMOVING = ".removing"
REVISION = "REVISION"
BEFORE = ".before.json"
"""What was live when each release was deployed, by name."""


@dataclass(frozen=True, slots=True)
class Releases:
    """These are the releases of one app under `path`."""

    path: Path

    @property
    def folder(self) -> Path:
        """Return where the releases are."""
        return self.path / "releases"

    @property
    def link(self) -> Path:
        """Return what points to the release that is live."""
        return self.path / "current"

    def prepare(self) -> None:
        """Make the folders that are missing. Raises Failed if `current` is not ours to switch."""
        for folder in (self.folder, self.path / "shared"):
            folder.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(self.link) and not self.link.is_symlink():
            raise Failed(f"{self.link} is not a link to a release: move it away, and try again")

    def pointer(self) -> str | None:
        """Return what `current` holds, whoever made it; None if there is no such link."""
        return os.readlink(self.link) if self.link.is_symlink() else None

    def served(self) -> Path | None:
        """Return the place to which `current` points, through whatever links; None if nothing is
        there."""
        found = Path(os.path.realpath(self.link))
        return found if self.link.is_symlink() and found.exists() else None

    def current(self) -> str | None:
        """Return the release that is live, or that a live folder is in; None if what is live is not
        ours."""
        served, folder = self.served(), self.folder.resolve()
        if served is None or not served.is_relative_to(folder) or served == folder:
            return None
        return served.relative_to(folder).parts[0]

    def before(self, name: str) -> str:
        """Return the release to which a rollback from `name` goes: what was live when `name` was
        deployed, as far as that is noted and still there, else the newest older one that did not
        fail. It is empty if there is none."""
        good, noted, seen = self.good(), self._noted(), {name}
        found = noted.get(name, "")
        while found and found not in good and found not in seen:
            seen.add(found)
            found = noted.get(found, "")
        older = [one for one in good if one < name]
        return found if found in good and found != name else older[-1] if older else ""

    def note_before(self, name: str) -> None:
        """Note that what is live now is what a rollback from `name` goes to."""
        there = set(self.good())
        noted = {one: old for one, old in self._noted().items() if one in there}
        noted[name] = self.current() or ""
        new = self.path / ".before.new"
        new.write_text(json.dumps(noted), "utf-8")
        os.replace(new, self.path / BEFORE)

    def _noted(self) -> dict[str, str]:
        try:
            found = json.loads((self.path / BEFORE).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        pairs = found.items() if isinstance(found, dict) else ()
        return {name: old for name, old in pairs if isinstance(old, str)}

    def good(self) -> list[str]:
        """Return the releases that did not fail, oldest first."""
        try:
            found = [e.name for e in os.scandir(self.folder) if e.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        names = (name for name in found if _OURS.match(name))
        return sorted(name for name in names if not name.endswith((_FAILED, _REMOVING)))

    def live(self) -> ReleaseFacts | None:
        """Return what is live; None if nothing of ours is."""
        name = self.current()
        if name is None:
            return None
        since = datetime.fromtimestamp(self.link.lstat().st_mtime, UTC)
        return ReleaseFacts(
            release=name, commit=self.commit_of(name), previous=self.before(name), since=since
        )

    def create(self, ref: str, when: datetime) -> Path:
        """Return a new, empty release: `<UTC time>-<ref>`, and a number if that is taken."""
        base = f"{when.astimezone(UTC):%Y%m%d%H%M%S}-{re.sub(r'[^A-Za-z0-9._+-]+', '-', ref)[:80]}"
        base = base.removesuffix(_FAILED).removesuffix(_REMOVING)
        taken = {
            name.removesuffix(_REMOVING).removesuffix(_FAILED) for name in os.listdir(self.folder)
        }
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        (self.folder / name).mkdir()
        return self.folder / name

    def activate(self, name: str) -> None:
        """Make `name` the live release."""
        self.point(f"releases/{name}")

    def point(self, target: str | None) -> None:
        """Have `current` hold `target`: one rename, so that nobody ever finds no link.

        None removes it.
        """
        if target is None:
            self.link.unlink(missing_ok=True)
            return
        new = self.path / ".current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        os.replace(new, self.link)

    def revision(self, release: Path, commit: str) -> None:
        """Write the name of `commit` into `release`, in place of what the repository holds there:
        a link of its would lead to a file of somebody else. Raises Failed if that is a folder."""
        folder = os.open(release, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                os.unlink(REVISION, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(REVISION, flags, 0o644, dir_fd=folder), "w") as file:
                file.write(f"{commit}\n")
        except IsADirectoryError:
            text = f"the repository has a folder {REVISION}, where the commit is written: rename it"
            raise Failed(text) from None
        finally:
            os.close(folder)

    def commit_of(self, name: str) -> str:
        """Return the commit that a release was made of; empty if it does not say."""
        return commit_in(self.folder / name)

    def share(self, release: Path, names: Iterable[str]) -> None:
        """Link `names` in the release to `shared/`. What ends in `/` is a folder, made if missing.

        Raises Failed if something else is missing, or would be put outside of the release.
        """
        for name in names:
            shared, place = self.path / "shared" / name, release / name
            if name.endswith("/"):
                shared.mkdir(parents=True, exist_ok=True)
            elif not shared.exists():
                raise Failed(f"the shared file {shared} is missing: put it there, and try again")
            parent = _inside(release, name)
            if place.is_symlink() or place.is_file():
                place.unlink()
            elif place.exists():
                shutil.rmtree(place)
            place.symlink_to(os.path.relpath(shared, parent))

    def set_aside(self, name: str) -> None:
        """Keep a release that failed, to look into until the next deploy; but not what is live."""
        if name != self.current() and (self.folder / name).is_dir():
            (self.folder / name).rename(self.folder / f"{name}{_FAILED}")

    def remove(self, name: str) -> None:
        """Remove a release, unless it is live."""
        if _OURS.match(name) and name != self.current() and (self.folder / name).is_dir():
            self._remove(name)

    def prune(self, keep: int) -> list[OSError]:
        """Remove what failed, and all but the newest `keep` releases, the live one, and that to
        which a rollback from it goes; of one that is kept, the live one alone.

        Returns what prevented it from removing some of them. What does not have a name of ours is
        never touched.
        """
        found = [e.name for e in os.scandir(self.folder) if e.is_dir(follow_symlinks=False)]
        ours = sorted(name for name in found if _OURS.match(name))
        good = [name for name in ours if not name.endswith((_FAILED, _REMOVING))]
        live = self.current()
        kept = {*good[-keep:], live, self.before(live) if live and keep > 1 else ""}
        problems = []
        for name in ours:
            if name not in kept:
                try:
                    self._remove(name)
                except OSError as error:
                    problems.append(error)
        return problems

    def _remove(self, name: str) -> None:
        """Remove a release. It loses its name first: what is half removed is no release."""
        folder = self.folder / name
        if not name.endswith(_REMOVING):
            folder = folder.rename(self.folder / f"{name}{_REMOVING}")
        _remove(folder)


def ref_in(name: str) -> str:
    """Return the ref that the name of a release tells."""
    return name.partition("-")[2] or name


def commit_in(folder: Path) -> str:
    """Return the commit that `folder` says it was made of, in a file of its own; empty if none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(folder / REVISION, flags), "rb") as file:
            text = file.read(100).strip().decode("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if re.fullmatch(r"[0-9a-f]{7,64}", text) else ""


def _inside(release: Path, name: str) -> Path:
    """The folder of `name` in `release`, made if missing. Raises Failed if a link of the repository
    leads out of the release on the way there: nothing is made beyond it."""
    within = release.resolve()
    parent = release
    for part in PurePosixPath(name).parts[:-1]:
        parent = parent / part
        if not os.path.lexists(parent):
            parent.mkdir()
        real = Path(os.path.realpath(parent))
        if not real.is_relative_to(within):
            raise Failed(f"{name} cannot be shared: it points out of the release, to {real}")
        if not real.is_dir():
            raise Failed(f"{name} cannot be shared: {parent} is not a folder")
    return Path(os.path.realpath(parent))


def _remove(folder: Path) -> None:
    """Remove `folder` with all that is in it that can be removed, be it read-only (as Go keeps its
    modules). Raises OSError with the first thing that cannot."""
    problems: list[OSError] = []

    def writable_first(function: object, path: str, error: object) -> None:
        try:
            for place in (Path(path).parent, Path(path)):
                if place.is_relative_to(folder) and place.is_dir() and not place.is_symlink():
                    place.chmod(0o700)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        except OSError as raised:
            problems.append(raised)

    shutil.rmtree(folder, onerror=writable_first)
    if problems:
        raise problems[0]


def cannot(error: OSError, path: Path) -> str:
    """Return what `error` means to people, and what to do."""
    where = error.filename or path
    advice = {
        "ENOSPC": "free some disk, and try again",
        "EDQUOT": "the quota is used up: free some disk, and try again",
        "EROFS": "the disk is mounted read-only",
        "EACCES": f"let the agent's user (id {os.geteuid()}) write there",
        "EPERM": f"let the agent's user (id {os.geteuid()}) write there",
    }.get(errno.errorcode.get(error.errno or 0, ""), "")
    text = f"{where}: {error.strerror or error}"
    return f"{text}: {advice}" if advice else text
