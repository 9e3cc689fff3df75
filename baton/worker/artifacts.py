"""The files that a job made: looked at before they are reported.

What a runner returns is a claim. Each file must be there, be a plain file that can be read, and be
in one of the folders of its runner, with every link followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from baton.errors import Failed
from baton.text.printable import printable
from baton.worker.settings import RunnerSettings
from baton.worker.work import Artifact

MOST = 1_000
"""Files that a job may report, at most."""
_LONGEST = 4_096
"""Characters of a path: what the kernel takes (PATH_MAX)."""
_PIECE = 1_048_576


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Where the files of a runner may be, and where they are served. Without `folders`, anywhere.

    `url` serves what is in the first of the folders.
    """

    folders: tuple[Path, ...] = ()
    url: str | None = None

    @classmethod
    def of(cls, settings: RunnerSettings) -> Artifacts:
        """Return those of a runner."""
        first = (settings.folder,) if settings.folder else ()
        return cls((*first, *settings.artifacts_from), settings.artifacts_url)

    async def look(self, paths: Sequence[str]) -> tuple[Artifact, ...]:
        """Return the files at `paths`, each with its size and checksum.

        Raises Failed that names the file and what is wrong with it.
        """
        if len(paths) > MOST:
            raise Failed(f"it reports {len(paths):,} artifacts; at most {MOST:,} are taken")
        stop = threading.Event()
        try:
            # one after the other, in one thread
            return await asyncio.to_thread(
                lambda: tuple(self._artifact(path, stop) for path in dict.fromkeys(paths))
            )
        finally:
            stop.set()  # a thread cannot be cancelled

    def _artifact(self, path: str, stop: threading.Event) -> Artifact:
        shown = printable(path)[:300]
        if stop.is_set():
            raise Failed("it was stopped")
        if not path.startswith("/"):
            raise Failed(f"the artifact {shown!r} is not an absolute path")
        if len(path) > _LONGEST or "\0" in path or _is_odd(path):
            raise Failed(f"the artifact {shown!r} is not a path that can be written as text")
        try:
            place = Path(path).resolve(strict=True)
            folder = self._folder(place, shown)
            # not blocking: a pipe would wait for whoever writes to it
            opened = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, RuntimeError) as error:
            raise Failed(f"the artifact {shown} cannot be read: {_why(error)}") from None
        try:
            before = os.fstat(opened)
            if not stat.S_ISREG(before.st_mode):
                raise Failed(f"the artifact {shown} is not a plain file")
            checksum = hashlib.sha256()
            size = 0
            while size <= before.st_size and not stop.is_set():  # no longer than it was
                piece = os.read(opened, _PIECE)
                checksum.update(piece)
                size += len(piece)
                if not piece:
                    break
            after = os.fstat(opened)
        except OSError as error:
            raise Failed(f"the artifact {shown} cannot be read: {_why(error)}") from None
        finally:
            os.close(opened)
        if (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns) and not stop.is_set():
            raise Failed(f"the artifact {shown} was still being written when the job had ended")
        return Artifact(path, size, checksum.hexdigest(), self._link(place, folder, path))

    def _folder(self, place: Path, shown: str) -> Path | None:
        """Return which of the folders `place` is in. Raises Failed if it is in none."""
        if not self.folders:
            return None
        for folder in self.folders:
            if place.is_relative_to(folder.resolve()):
                return folder.resolve()
        where = " or ".join(str(folder) for folder in self.folders)
        leads = "" if str(place) == shown else f" (it leads to {printable(str(place))[:300]})"
        raise Failed(f"the artifact {shown} is not in {where}{leads}: see `artifacts_from`")

    def _link(self, place: Path, folder: Path | None, path: str) -> str:
        if self.url is None or folder is None or folder != self.folders[0].resolve():
            return path
        return f"{self.url}/{quote(str(place.relative_to(folder)))}"


def _is_odd(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return any(character in path for character in "\n\r\x1b")


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    return getattr(error, "strerror", None) or str(error)
