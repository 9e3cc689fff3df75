"""The folder of an app: its releases, what they share, and the link to the one that is live.

releases/20261124055501-v2     each as Capistrano lays it out
releases/….failed              one that failed, to look into until the next deploy
shared/                        what outlives a release, linked into each
current -> releases/…          switched atomically
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from baton.errors import Failed

_OURS = re.compile(r"^\d{14}(-[^/]*)?$")
_FAILED = ".failed"
REVISION = "REVISION"


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases of one app under `path`."""

    path: Path

    @property
    def folder(self) -> Path:
        """Where the releases are."""
        return self.path / "releases"

    @property
    def link(self) -> Path:
        """What points to the release that is live."""
        return self.path / "current"

    def prepare(self) -> None:
        """Make the folders that are missing. Raises Failed if `current` is not ours to switch."""
        for folder in (self.folder, self.path / "shared"):
            folder.mkdir(parents=True, exist_ok=True)
        if self.link.exists() and not self.link.is_symlink():
            raise Failed(f"{self.link} is no link to a release: move it away, and deploy again")

    def current(self) -> str | None:
        """The release that is live; None if there is none, or what is linked is no release."""
        if not self.link.is_symlink():
            return None
        target = (self.path / os.readlink(self.link)).resolve()
        if target.parent != self.folder.resolve() or not target.is_dir():
            return None
        return target.name

    def create(self, ref: str, when: datetime) -> Path:
        """A new, empty release: `<UTC time>-<ref>`, and a number if that is taken."""
        base = f"{when.astimezone(UTC):%Y%m%d%H%M%S}-{re.sub(r'[^A-Za-z0-9._+-]+', '-', ref)[:80]}"
        base = base.removesuffix(_FAILED)
        taken = {name.removesuffix(_FAILED) for name in os.listdir(self.folder)}
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        (self.folder / name).mkdir()
        return self.folder / name

    def activate(self, name: str) -> None:
        """Make `name` the live release: one rename, so that nobody ever finds no link."""
        new = self.path / ".current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("releases") / name)
        os.replace(new, self.link)

    def deactivate(self) -> None:
        """Have no live release."""
        self.link.unlink(missing_ok=True)

    def commit_of(self, name: str) -> str:
        """The commit that a release was made of; empty if it does not say."""
        try:
            text = (self.folder / name / REVISION).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return text if re.fullmatch(r"[0-9a-f]{7,64}", text) else ""

    def share(self, release: Path, names: Iterable[str]) -> None:
        """Link `names` in the release to `shared/`. What ends in `/` is a folder, made if missing.

        Raises Failed if something else is missing, or would be put outside of the release.
        """
        for name in names:
            shared, place = self.path / "shared" / name, release / name
            if name.endswith("/"):
                shared.mkdir(parents=True, exist_ok=True)
            elif not shared.exists():
                raise Failed(f"the shared file {shared} is missing: put it there, and deploy again")
            place.parent.mkdir(parents=True, exist_ok=True)
            parent = place.parent.resolve()
            if not parent.is_relative_to(release.resolve()):
                raise Failed(f"{name} cannot be shared: it leads out of the release, to {parent}")
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
            _remove(self.folder / name)

    def prune(self, keep: int) -> None:
        """Remove what failed, and all but the newest `keep` releases and the live one.

        What has no name of ours is never touched.
        """
        found = [e.name for e in os.scandir(self.folder) if e.is_dir(follow_symlinks=False)]
        ours = sorted(name for name in found if _OURS.match(name))
        good = [name for name in ours if not name.endswith(_FAILED)]
        kept = {*good[-keep:], self.current()}
        for name in ours:
            if name not in kept:
                _remove(self.folder / name)


def _remove(folder: Path) -> None:
    """Remove `folder` with all that is in it, be it read-only (as Go keeps its modules)."""

    def writable_first(function: object, path: str, error: object) -> None:
        parent = os.path.dirname(path)
        os.chmod(parent, 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            shutil.rmtree(path)
        else:
            os.unlink(path)

    shutil.rmtree(folder, onerror=writable_first)


def cannot(error: OSError, path: Path) -> str:
    """What `error` means to people, and what to do."""
    where = error.filename or path
    advice = {
        "ENOSPC": "free some disk, and deploy again",
        "EDQUOT": "the quota is used up: free some disk, and deploy again",
        "EROFS": "the disk is mounted read-only",
        "EACCES": f"let the agent's user (id {os.geteuid()}) write there",
        "EPERM": f"let the agent's user (id {os.geteuid()}) write there",
    }.get(errno.errorcode.get(error.errno or 0, ""), "")
    text = f"{where}: {error.strerror or error}"
    return f"{text}: {advice}" if advice else text
